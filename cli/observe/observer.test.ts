import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { access, appendFile, mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { countingIds } from "#nervous-system/schemas/ids.ts";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import type { Host } from "../host.ts";
import type { OpenRecord } from "../record/open-record.ts";
import type { RunNote } from "../runs/note.ts";
import { observeWorkTree, type Observer } from "./observer.ts";

let place: string;
let clock: ManualClock;
let told: ProducedFrame[];
let observer: Observer;
let openObserver: (attentionMs: number) => Promise<Observer>;
let others: RunNote[];

// The real one, behind a door: while there is a file `held`, its snapshots wait.
const door = (held: string): string =>
  `#!/bin/sh\ncase "$*" in *update-index*) while [ -e ${held} ]; do touch ${held}.seen; sleep 0.02; done;; esac\nPATH=\${PATH#*:} exec git "$@"\n`;
const hold = (): Promise<void> => writeFile(join(place, "held"), "");
const untilHeld = async (): Promise<void> => {
  while (
    !(await access(join(place, "held.seen")).then(
      () => true,
      () => false,
    ))
  )
    await new Promise(setImmediate);
};

const untilIdle = async (): Promise<void> => {
  while (clock.pending() === 0) await new Promise(setImmediate);
};

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "observer-"));
  for (const name of ["tree", "bin", "ours"]) await mkdir(join(place, name));
  execFileSync("git", ["init", "-q"], { cwd: join(place, "tree") });
  await writeFile(join(place, "bin/git"), door(join(place, "held")), { mode: 0o755 });
  await writeFile(join(place, "record"), "");
  clock = manualClock();
  told = [];
  others = [];
  const record = {
    path: join(place, "record"),
    toldFiles: { has: () => false },
    tell: async (frame: ProducedFrame) => void told.push(frame),
  } as unknown as OpenRecord;
  const env = { PATH: `${join(place, "bin")}:${process.env["PATH"]}`, HOME: place };
  // Git's own limits, which are longer, do not pass with this time.
  const after: ManualClock["after"] = (ms, run) => (ms > 2000 ? () => undefined : clock.after(ms, run));
  const host = { cwd: join(place, "tree"), env, clock: { ...clock, after }, ids: countingIds() } as unknown as Host;
  const trace = { traceId: "a".repeat(32), spanId: "b".repeat(16) };
  const runs = { others: async () => others };
  openObserver = async (attentionMs) => {
    const found = await observeWorkTree({ host, record, runs, directory: join(place, "ours"), trace, attentionMs });
    if (found === undefined) throw new Error("nothing is observed");
    await found.ready();
    await found.mark();
    return found;
  };
  observer = await openObserver(Infinity);
});
afterEach(() => rm(place, { recursive: true }));

const late = ["the last changes of files, perhaps of x, were not observed: there was no time left"];

describe("the end of observing", () => {
  it("waits for what changed last", async () => {
    observer.start();
    await writeFile(join(place, "tree/x"), "x\n");
    expect(await observer.finish(new AbortController().signal)).toEqual([]);
    expect(told.map(({ payload }) => payload["file_modified"])).toEqual(["x"]);
    expect(clock.pending()).toBe(0);
  });

  it("waits two seconds at most", async () => {
    await writeFile(join(place, "tree/x"), "x\n");
    await hold();
    observer.start();
    const finished = observer.finish(new AbortController().signal);
    await untilHeld();
    await clock.advance(2000);
    expect(await finished).toEqual(late);
    expect(clock.pending()).toBe(0);
  });

  it.each(["before", "while"])("does not wait when a signal comes %s it waits", async (when) => {
    await writeFile(join(place, "tree/x"), "x\n");
    await hold();
    observer.start();
    await untilIdle();
    await clock.advance(1000);
    await untilHeld();
    const hurry = new AbortController();
    if (when === "before") hurry.abort();
    const finished = observer.finish(hurry.signal);
    hurry.abort();
    expect(await finished).toEqual(late);
    expect(told).toEqual([]);
    expect(clock.pending()).toBe(0);
  });
});

/** Changes a file, and waits until that has been looked at. */
const look = async (name: string): Promise<void> => {
  await untilIdle();
  await writeFile(join(place, "tree", name), "x\n");
  await clock.advance(1000);
  await untilIdle();
};

describe("who is observed only while it is heard", () => {
  const named = (): unknown[] => told.map(({ payload }) => payload["file_modified"]);
  /** The last look of a time of attention, which leaves no timer behind. */
  const lastLook = async (name: string): Promise<void> => {
    await writeFile(join(place, "tree", name), "x\n");
    await clock.advance(1000);
    while (!named().includes(name)) await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(clock.pending()).toBe(0);
  };
  const byHand = (name: string): Promise<void> => writeFile(join(place, "tree", name), "y\n");
  beforeEach(async () => {
    observer = await openObserver(2000);
    observer.start();
    await look("at first");
    await lastLook("later");
  });

  it("is told nothing of what changes in silence, neither then nor when it is heard again", async () => {
    await byHand("at first");
    await byHand("by hand");
    await clock.advance(86_400_000);
    observer.attend();
    await look("again");
    observer.attend();
    await look("and on");
    expect(await observer.finish(new AbortController().signal)).toEqual([]);
    expect(named()).toEqual(["at first", "later", "again", "and on"]);
  });

  it("ends without a look where there was silence", async () => {
    await byHand("by hand");
    expect(await observer.finish(new AbortController().signal)).toEqual([]);
    observer.attend();
    expect(clock.pending()).toBe(0);
    expect(named()).toEqual(["at first", "later"]);
  });
});

describe("a file with edits of its user's", () => {
  const file = (): string => join(place, "tree/f");
  beforeEach(async () => {
    await writeFile(file(), "1\n");
    execFileSync("git", ["add", "f"], { cwd: join(place, "tree") });
    await appendFile(file(), "the user's\n");
  });
  const changes = async (): Promise<Array<Record<string, unknown>>> => {
    observer.start();
    expect(await observer.finish(new AbortController().signal)).toEqual([]);
    return told.map(({ payload }) => payload);
  };

  it("is told with what the program does to it alone, as it was read before", async () => {
    observer = await openObserver(Infinity);
    await appendFile(file(), "the program's\n");
    const [change, ...others] = await changes();
    expect(others).toEqual([]);
    expect(change).toMatchObject({ file_modified: "f", lines_added: 1, lines_removed: 0 });
    expect(change?.["patch"]).toContain("\n the user's\n+the program's\n");
    expect(change).not.toHaveProperty("before_unknown");
  });

  it("is no change where the program only touches it", async () => {
    observer = await openObserver(Infinity);
    await utimes(file(), 1, 1);
    expect(await changes()).toEqual([]);
  });

  it("is told without content where reading it took longer than the program waits, and then as ever", async () => {
    await hold();
    const opened = openObserver(Infinity);
    await untilHeld();
    await clock.advance(100);
    observer = await opened;
    await appendFile(file(), "the program's\n");
    observer.start();
    await clock.advance(5000);
    await rm(join(place, "held"));
    await untilIdle();
    await clock.advance(1000);
    await untilIdle();
    await appendFile(file(), "more\n");
    expect(await observer.finish(new AbortController().signal)).toEqual([]);
    const batch = { id: expect.any(String), index: 0, count: 1 };
    expect(told.map(({ payload }) => payload)).toEqual([
      {
        file_modified: "f",
        change: "modified",
        before_unknown: true,
        old_state_hash: expect.any(String),
        new_state_hash: expect.any(String),
        batch,
        observed_by: "wrapper",
      },
      expect.objectContaining({ file_modified: "f", lines_added: 1, patch: expect.stringContaining("+more") }),
    ]);
  });
});

describe("a run beside another one", () => {
  const other = (uid: string, cwd: string, record: string, directory: string): RunNote => ({
    agent_uid: uid,
    owner: "",
    cwd: join(place, cwd),
    record: join(place, record),
    directories: [join(place, "tree", directory)],
  });
  it("names it in the changes that may be of either, and takes nothing that it writes for itself", async () => {
    observer.start();
    await look("alone");
    const directories = ["enchanted-00000001", "enchanted-00000002"] as const;
    others = [
      other("near", "tree/sub", "tree/near.jsonl", directories[0]),
      other("far", "elsewhere", "tree/far.jsonl", directories[1]),
    ];
    await mkdir(join(place, "tree", directories[1]));
    await writeFile(join(place, "tree", directories[1], "index"), "x\n");
    for (const name of ["near.jsonl", "far.jsonl"]) await writeFile(join(place, "tree", name), "");
    await look("together");
    others = [];
    await look("alone again");
    await observer.finish(new AbortController().signal);
    expect(told.map(({ payload }) => [payload["file_modified"], payload["also_running"]])).toEqual([
      ["alone", undefined],
      ["together", ["near"]],
      ["alone again", undefined],
    ]);
  });
});
