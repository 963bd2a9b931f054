import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { randomIds, type Ids } from "#nervous-system/schemas/ids.ts";
import { createRecorder, type Recorder, type RecordResult } from "../recorder.ts";
import { createRedactor } from "../redact.ts";
import { identity, openTestWal, readFrames } from "#test/builders/recorder.ts";
import { createSimulatedDisk, type SimulatedDisk } from "#test/simulation/simulated-disk.ts";
import type { ReadLimit, WalEntry } from "../wal/reader.ts";
import type { Wal } from "../wal/wal.ts";
import { createClient } from "./client.ts";
import type { ContextClient } from "./contract.ts";
import type { Connect } from "./send-queue.ts";
import { connectNowhere } from "./socket-link.ts";

type Pick = (n: number) => number;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await turn();
};
/** A clock whose waits are over at once: how long is waited is not what these tests are about. */
const hasty = { ...systemClock(), after: (_ms: number, run: () => void) => systemClock().after(0, run) };

/** A scribe with the product's own recorder, behind a socket that breaks as sockets do: of what was sent, a part arrives. */
class ModelScribe {
  readonly disk = createSimulatedDisk();
  private readonly cuts = new Set<(pick: Pick) => void>();
  private life = 0;
  private recorder: Recorder | undefined;
  private wal: Wal | undefined;

  async start(): Promise<void> {
    this.life += 1;
    this.wal = await openTestWal(this.disk, this.life);
    this.recorder = await createRecorder({
      identity,
      wal: this.wal,
      clock: systemClock(),
      ids: randomIds(),
      epoch: 1,
      redactor: createRedactor([]),
    });
  }

  cut(pick: Pick): void {
    for (const cut of this.cuts) cut(pick);
  }

  /** Ends; a machine that dies forgets what was not synced. */
  async stop(pick: Pick, dies: boolean): Promise<void> {
    const { wal } = this;
    this.recorder = undefined;
    this.cut(pick);
    if (dies) this.disk.crash(pick);
    await wal?.close().catch(() => undefined);
    this.wal = undefined;
  }

  isUp(): boolean {
    return this.recorder !== undefined;
  }

  async texts(): Promise<number[]> {
    const frames = await readFrames(this.wal as Wal);
    return frames.map(
      (frame) => (JSON.parse(Buffer.from(frame.bytes).toString()) as { payload: { text: number } }).payload.text,
    );
  }

  readonly connect: Connect = (events) => {
    const arriving: string[] = [];
    let isOpen = false;
    let answers: Promise<void> = Promise.resolve();
    const answerAfter = async (before: Promise<void>, recorded: Promise<RecordResult> | undefined): Promise<void> => {
      await before;
      const result = await recorded?.catch(() => undefined);
      if (result === undefined) cut(() => 0);
      else if (isOpen) events.onAnswer(result);
    };
    const take = (line: string): void => {
      const recorded = this.recorder?.recordLine(line, { producer: "agent" });
      answers = answerAfter(answers, recorded);
    };
    const cut = (pick: Pick): void => {
      if (!this.cuts.delete(cut)) return;
      isOpen = false;
      for (const line of arriving.splice(0, pick(arriving.length))) take(line);
      arriving.length = 0;
      setImmediate(events.onClosed);
    };
    this.cuts.add(cut);
    setImmediate(() => {
      if (this.recorder === undefined) return cut(() => 0);
      if (!this.cuts.has(cut)) return;
      isOpen = true;
      events.onOpen();
    });
    return {
      send: (line) => {
        if (!isOpen) return;
        arriving.push(line);
        setImmediate(() => arriving.splice(0, 1).forEach(take));
      },
      keepAlive: () => undefined,
      close: () => cut(() => 0),
    };
  };
}

/** Reads take a while, as those of a real disk do. */
const withSlowReads = (wal: Wal): Wal => ({
  ...wal,
  reader: (from) => {
    const reader = wal.reader(from);
    const next = async (limit: ReadLimit): Promise<WalEntry[]> => turn().then(() => reader.next(limit));
    return { next, close: () => reader.close() };
  },
});

const newClient = async (
  disk: SimulatedDisk,
  connect: Connect,
  how: { life?: number; maxBytes?: number; ids?: Ids } = {},
): Promise<ContextClient> => {
  const limits =
    how.maxBytes === undefined ? {} : { maxBytes: how.maxBytes, segmentBytes: how.maxBytes / 8, keepBytes: 0 };
  return createClient({
    directory: "/log",
    wal: withSlowReads(await openTestWal(disk, how.life ?? 1, limits)),
    connect,
    redactor: createRedactor([]),
    clock: systemClock(),
    idle: hasty,
    ids: how.ids ?? randomIds(),
    onRefused: () => undefined,
  });
};
const thought = (text: unknown): { event_type: string; payload: Record<string, unknown> } => ({
  event_type: "THOUGHT",
  payload: { text },
});

describe("the client", () => {
  it("brings frames to the socket without touching its log, and writes them there while the socket is away", async () => {
    const scribe = new ModelScribe();
    await scribe.start();
    const disk = createSimulatedDisk();
    const client = await newClient(disk, scribe.connect);
    await until(() => client.state().connected);
    for (const n of [1, 2, 3]) void client.record(thought(n));
    await client.flush();
    expect(client.state()).toEqual({ connected: true, inMemory: 0, inLog: 0, refused: 0 });
    expect(disk.paths().filter((path) => path.endsWith(".wal"))).toEqual([]);
    await scribe.stop(() => 0, false);
    await until(() => !client.state().connected);
    for (const n of [4, 5]) void client.record(thought(n));
    await client.flush();
    expect(client.state()).toMatchObject({ connected: false, inMemory: 0, inLog: 2 });
    await scribe.start();
    expect(await client.handOver(5000)).toBe(true);
    void client.record(thought(6));
    expect(await client.close()).toBe(true);
    expect(await scribe.texts()).toEqual([1, 2, 3, 4, 5, 6]);
    await scribe.stop(() => 0, false);
  });

  it("does nothing in the program's own turn but keep the frame: it is named, written and sent behind the call", async () => {
    const done: string[] = [];
    const client = await newClient(createSimulatedDisk(), connectNowhere, {
      ids: { next: () => (done.push("named"), randomIds().next()) },
    });
    expect(client.record(thought({ toJSON: () => (done.push("written"), "text") }))).toBeUndefined();
    expect(done).toEqual([]);
    expect(client.state()).toMatchObject({ inMemory: 1, inLog: 0 });
    await client.flush();
    expect(done).toEqual(["named", "written"]);
    expect(client.state()).toMatchObject({ inMemory: 0, inLog: 1 });
    await client.close(0);
  });

  it("writes no secret into its log", async () => {
    const disk = createSimulatedDisk();
    const client = await newClient(disk, connectNowhere);
    const secret = ["AK", "IA", "ABCDEFGHIJKLMNOP"].join("");
    const stamps = { event_id: secret, parent_event_id: secret, agent_id: secret, related_commit_hash: secret };
    const frame = { ...thought(`the key ${secret}`), ...stamps, stranger: secret };
    void client.record(frame);
    expect(await client.close(0)).toBe(true);
    const log = disk
      .paths()
      .map((path) => disk.contents(path).toString("latin1"))
      .join("");
    expect(log).toContain("the key [redacted:aws-key]");
    expect(log).not.toContain(secret);
  });

  it("tells what is not recorded, and goes on", async () => {
    const scribe = new ModelScribe();
    await scribe.start();
    const told: string[] = [];
    const client = createClient({
      directory: "/log",
      wal: await openTestWal(createSimulatedDisk()),
      connect: scribe.connect,
      redactor: createRedactor([]),
      clock: systemClock(),
      idle: hasty,
      ids: randomIds(),
      onRefused: (reason, eventId) => told.push(`${eventId}: ${reason}`),
    });
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    const frames = [
      { ...thought(1), event_id: "cyclic", payload: cyclic },
      { ...thought(1), event_id: "big", payload: { text: "x".repeat(300 * 1024) } },
      { event_type: "VERDICT", event_id: "verdict", payload: {} },
      thought(1),
    ];
    for (const frame of frames) void client.record(frame);
    await client.flush();
    expect(told).toEqual([
      expect.stringMatching(/^cyclic: .*no JSON/),
      expect.stringMatching(/^big: .*larger than 262144/),
      expect.stringMatching(/^verdict: .*may not write VERDICT/),
    ]);
    expect(await scribe.texts()).toEqual([1]);
    await client.close();
    await scribe.stop(() => 0, false);
  });

  it("asks to wait when it holds much, refuses when nobody waits, and takes more when there is room", async () => {
    const client = await newClient(createSimulatedDisk(), connectNowhere);
    let asked: Promise<void> | undefined;
    const fill = (): void => {
      for (let n = 0; n < 100_000; n += 1) asked = client.record(thought(n)) ?? asked;
    };
    expect(fill).toThrow(/holds 16384 frames that are not written/);
    await asked;
    expect(client.record(thought("again"))).toBeUndefined();
    await client.flush();
    expect(client.state()).toMatchObject({ inMemory: 0, inLog: 16_385 });
    await client.close(0);
  });

  it("waits while its log is full, and closes in time with the truth about what is lost", async () => {
    const scribe = new ModelScribe();
    const disk = createSimulatedDisk();
    const client = await newClient(disk, scribe.connect, { maxBytes: 4000 });
    for (let n = 0; n < 100; n += 1) void client.record(thought(n));
    await until(() => client.state().inLog > 5);
    expect(client.state().inMemory).toBeGreaterThan(50);
    await scribe.start();
    expect(await client.handOver(5000)).toBe(true);
    expect(await scribe.texts()).toEqual(Array.from({ length: 100 }, (_, n) => n));
    await scribe.stop(() => 0, false);
    for (let n = 0; n < 100; n += 1) void client.record(thought(n));
    expect(await client.close(20)).toBe(false);
    expect(() => client.record(thought(1))).toThrow(/closed/);
  });

  it("keeps the order when frames come while the log is handed over", async () => {
    const scribe = new ModelScribe();
    const client = await newClient(createSimulatedDisk(), scribe.connect);
    for (let n = 0; n < 1500; n += 1) void client.record(thought(n));
    await client.flush();
    await scribe.start();
    await until(() => client.state().connected && client.state().inLog < 1500);
    for (let n = 1500; n < 1600; n += 1) {
      void client.record(thought(n));
      if (n % 10 === 0) await turn();
    }
    expect(await client.handOver(10_000)).toBe(true);
    expect(await scribe.texts()).toEqual(Array.from({ length: 1600 }, (_, n) => n));
    await client.close();
    await scribe.stop(() => 0, false);
  });

  it("names what it cannot read in its log any more, once", async () => {
    const disk = createSimulatedDisk();
    const first = await newClient(disk, connectNowhere);
    for (const n of [1, 2, 3]) {
      void first.record(thought(n));
      await first.flush();
    }
    await first.close(0);
    const path = disk.paths().find((name) => name.endsWith(".wal")) as string;
    const bytes = disk.contents(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length / 2) ^ 1, bytes.length / 2);
    const scribe = new ModelScribe();
    await scribe.start();
    const second = await newClient(disk, scribe.connect, { life: 2 });
    expect(await second.handOver(5000)).toBe(true);
    expect(await scribe.texts()).toEqual([1, undefined, 3]);
    await second.close();
    await scribe.stop(() => 0, false);
  });

  it("brings every flushed frame once, in order, whatever breaks: property over sockets, kills and crashes", async () => {
    const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 9 });
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant("record" as const), count: fc.integer({ min: 1, max: 100 }) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant("turns" as const), count: fc.integer({ min: 1, max: 8 }) }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("cut" as const), picks }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("stop" as const, "killScribe" as const), picks }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("start" as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("killClient" as const), picks }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const scribe = new ModelScribe();
        const disk = createSimulatedDisk();
        let [life, text] = [1, 0];
        /** What a killed process still tries reaches nobody. */
        const connectOf =
          (own: number): Connect =>
          (events) => {
            const link = scribe.connect(events);
            return { ...link, send: (line) => (own === life ? link.send(line) : undefined) };
          };
        let client = await newClient(disk, connectOf(life), { life });
        const flushed = new Set<number>();
        let unflushed: number[] = [];
        for (const act of steps) {
          const given = "picks" in act ? act.picks : [0];
          let at = 0;
          const pick: Pick = (n) => (given[at++ % given.length] as number) % (n + 1);
          switch (act.kind) {
            case "record":
              for (let n = 0; n < act.count; n += 1) {
                text += 1;
                void client.record(thought(text));
                unflushed.push(text);
              }
              break;
            case "turns":
              for (let n = 0; n < act.count; n += 1) await turn();
              break;
            case "flush":
              await client.flush();
              for (const n of unflushed) flushed.add(n);
              unflushed = [];
              break;
            case "cut":
              scribe.cut(pick);
              break;
            case "stop":
            case "killScribe":
              if (scribe.isUp()) await scribe.stop(pick, act.kind === "killScribe");
              break;
            case "start":
              if (!scribe.isUp()) await scribe.start();
              break;
            case "killClient":
              scribe.cut(pick);
              disk.crash(pick);
              life += 1;
              await client.close(0).catch(() => undefined); // its disk is gone
              client = await newClient(disk, connectOf(life), { life });
              unflushed = [];
              break;
          }
        }
        if (!scribe.isUp()) await scribe.start();
        expect(await client.handOver(10_000)).toBe(true);
        const arrived = await scribe.texts();
        expect(arrived).toEqual([...new Set(arrived)].toSorted((a, b) => a - b));
        for (const n of [...flushed, ...unflushed]) expect(arrived).toContain(n);
        await client.close(0);
        await scribe.stop(() => 0, false);
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});
