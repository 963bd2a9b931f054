import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { RecorderLog } from "#nervous-system/recorder/recorder.ts";
import { countingIds } from "#nervous-system/schemas/ids.ts";
import type { Host } from "../host.ts";
import { createLeftover, listLeftovers, outboxOf, removeLeftover } from "./outbox.ts";
import { bothLogs, openOutgoingLog } from "./outgoing-log.ts";

let directory: string;
let salt = 0;
const host = { clock: systemClock(), randomHex: () => (salt += 1).toString(16).padStart(8, "0") } as unknown as Host;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "enchanted-outbox-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const fileOf = (append: RecorderLog["append"]): RecorderLog => ({
  append,
  reader: () => ({ next: async () => [], close: async () => undefined }),
  first: 1,
  last: undefined,
  cursor: () => ({ index: 0, note: Buffer.alloc(0) }),
});

describe("the log of what is to be sent", () => {
  it("ends when it has no room, and holds its writer up for a moment only", async () => {
    const log = await openOutgoingLog(host, directory, 64 * 1024);
    const frame = Buffer.alloc(4096, 1);
    for (let n = 0; n < 100; n += 1) await log.append(frame);
    expect(log.ended()).toMatch(/holds .* of 65536 bytes/);
    const held = log.wal.stats().written;
    expect(held).toBeGreaterThan(2);
    expect(held).toBeLessThan(20);
    await log.close();
    const again = await openOutgoingLog(host, directory);
    expect(again.wal.stats().written).toBe(held); // the beginning is whole
    await again.close();
  });

  it("takes its part in every append, and a file that fails still fails", async () => {
    const log = await openOutgoingLog(host, directory);
    const appended: number[] = [];
    const both = bothLogs(
      fileOf(async () => appended.push(1)),
      log,
    );
    expect(await both.append(Buffer.from("a"))).toBe(1);
    expect(log.wal.stats().written).toBe(1);
    const failing = bothLogs(
      fileOf(() => Promise.reject(new Error("no space"))),
      log,
    );
    await expect(failing.append(Buffer.from("b"))).rejects.toThrow("no space");
    expect(log.wal.stats().written).toBe(1);
    await log.close();
  });

  it("gets a frame only once the file has it, in the order of the file: whoever is killed sent nothing else", async () => {
    const events: string[] = [];
    const writes: Array<() => void> = [];
    const both = bothLogs(
      fileOf((payload) => {
        const { promise, resolve } = Promise.withResolvers<number>();
        writes.push(() => {
          events.push(`file ${Buffer.from(payload).toString()}`);
          resolve(writes.length);
        });
        return promise;
      }),
      { append: async (payload) => void events.push(`sent ${Buffer.from(payload).toString()}`) },
    );
    const appends = ["a", "b", "c"].map((text) => both.append(Buffer.from(text)));
    await new Promise(setImmediate);
    expect(events).toEqual([]);
    for (const write of writes.slice(0, 2)) write();
    await Promise.all(appends.slice(0, 2));
    expect(events).toEqual(["file a", "file b", "sent a", "sent b"]);
  });
});

describe("the outbox", () => {
  const ids = countingIds();
  const runOf = (collector: string) => ({ agent_uid: ids.next(), agent_id: "a", namespace: "team", collector });

  it("is in the user's state directory", () => {
    expect(outboxOf({ env: { XDG_STATE_HOME: "/s", HOME: "/h" } })).toBe("/s/enchanted/outbox");
    expect(outboxOf({ env: { XDG_STATE_HOME: "relative", HOME: "/h" } })).toBe("/h/.local/state/enchanted/outbox");
  });

  it("says so where no directory can be made for it", async () => {
    await expect(createLeftover("/proc/enchanted/outbox", runOf("x:1"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("lists runs by age, passes over what is none, and forgets what was sent", async () => {
    expect(await listLeftovers(join(directory, "none"))).toEqual([]);
    const [one, two] = [await createLeftover(directory, runOf("x:1")), await createLeftover(directory, runOf("y:1"))];
    await writeFile(join(directory, "stray"), "");
    expect(await listLeftovers(directory)).toEqual([one, two]);
    await removeLeftover(one);
    expect(await listLeftovers(directory)).toEqual([two]);
    expect(await readdir(directory)).toEqual([two.run.agent_uid, "stray"]);
  });
});
