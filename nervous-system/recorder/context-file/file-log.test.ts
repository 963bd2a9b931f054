import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, open, readFile, rm, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createRecorder, type RecordResult } from "#nervous-system/recorder/recorder.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createFileLog, type FileLog } from "./file-log.ts";

let directory: string;
let file: FileHandle;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "enchanted-file-log-"));
  file = await open(join(directory, "record.jsonl"), "a+");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const noSpace = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });

/** The file on a disk that has room for so many bytes more; the last write that fits only in part is a short one. */
const onSmallDisk = (room: number): Parameters<typeof createFileLog>[0] => ({
  stat: file.stat.bind(file),
  read: file.read.bind(file),
  datasync: () => file.datasync(),
  close: () => file.close(),
  write: (async (bytes: Buffer, at: number) => {
    if (room === 0) throw noSpace;
    const { bytesWritten } = await file.write(bytes, at, Math.min(room, bytes.length - at));
    room -= bytesWritten;
    return { bytesWritten, buffer: bytes };
  }) as FileHandle["write"],
});

const recordAll = async (log: FileLog, count: number): Promise<RecordResult[]> => {
  const clock = manualClock();
  const ids = randomIds();
  const of = { agent_uid: ids.next(), mission_uid: ids.next(), mission: "_", namespace: "local" };
  const identity = { ...of, lineage: 0, recorder: "scribe", agentId: "a" } as const;
  const recorder = await createRecorder({ identity, wal: log, clock, ids, redactor: undefined, epoch: 1 });
  const results = Array.from({ length: count }, (_, n) =>
    recorder.record({ event_type: "THOUGHT", payload: { text: `${n}` } }, { producer: "agent" }),
  );
  return Promise.all(results.map((result) => result.catch(() => ({ ok: false }) as RecordResult)));
};

describe("a file of frames on a disk that fills up", () => {
  it("tells exactly of those frames that they were written that it holds", async () => {
    const log = await createFileLog(onSmallDisk(5_000));
    const results = await recordAll(log, 100);
    await log.close();
    const text = await readFile(join(directory, "record.jsonl"), "utf8");
    const whole = text.split("\n").length - 1;
    expect(whole).toBeGreaterThan(1);
    expect(results.filter(({ ok }) => ok).length).toBe(whole);
    expect(results.findIndex(({ ok }) => !ok)).toBe(whole);
    expect(log.written("THOUGHT")).toBe(whole);
    expect(log.failure()).toBe(noSpace);
  });
});
