import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { chainHash, zeroHash, type HashedLink } from "#nervous-system/schemas/chain.ts";
import { verifyChain } from "#test/builders/chain.ts";
import { countingIds, randomIds } from "#nervous-system/schemas/ids.ts";
import type { ComposedFrame } from "./compose.ts";
import { createExporter, type Exporter } from "./exporter.ts";
import { createModelStream, type ModelStream } from "#test/simulation/model-stream.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import { identity, openTestWal } from "#test/builders/recorder.ts";
import { createSimulatedDisk, type SimulatedDisk } from "#test/simulation/simulated-disk.ts";
import type { Uplink } from "./uplink.ts";
import type { WalCut } from "./wal-cut.ts";
import type { Wal } from "./wal/wal.ts";

const agent = { producer: "agent" } as const;
const thought = (text: string): { event_type: string; payload: { text: string } } => ({
  event_type: "THOUGHT",
  payload: { text },
});

type Life = { recorder: Recorder; exporter: Exporter; wal: Wal; end: () => Promise<void>; die: () => Promise<void> };

/** A clock whose waits are over at once: backoff is not what these tests are about. */
const hastyClock = { ...systemClock(), sleep: (_ms: number, signal?: AbortSignal) => systemClock().sleep(0, signal) };

const live = async (
  disk: SimulatedDisk,
  stream: ModelStream,
  how: { life?: number; epoch?: number; segmentBytes?: number; cut?: WalCut } = {},
): Promise<Life> => {
  const wal = await openTestWal(
    disk,
    how.life ?? 1,
    how.segmentBytes === undefined ? {} : { segmentBytes: how.segmentBytes },
  );
  const recorder = await createRecorder({
    identity,
    wal,
    clock: systemClock(),
    ids: randomIds(),
    epoch: how.epoch ?? 1,
  });
  const exporter = createExporter({
    recorder,
    wal,
    uplink: stream,
    clock: hastyClock,
    random: () => 0,
    log: silentLog,
    ...(how.cut === undefined ? {} : { cut: how.cut }),
  });
  const stop = new AbortController();
  const running = exporter.run(stop.signal);
  const die = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return {
    recorder,
    exporter,
    wal,
    die,
    end: async () => {
      await die();
      await wal.close();
    },
  };
};

const chained = (frame: ComposedFrame): HashedLink => ({
  agentUid: frame.envelope.agent_uid,
  epoch: frame.envelope.epoch,
  seq: frame.envelope.seq,
  prevHash: frame.prevHash,
  observedNs: BigInt(frame.envelope.observed),
  envelopeText: frame.envelopeText,
  bytes: frame.bytes,
  hash: frame.hash,
});

const seqs = (stream: ModelStream): number[] => stream.frames.map(({ envelope }) => envelope.seq);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe("the exporter", () => {
  it("brings every frame to the stream, in order, in exports of at most 512, and moves the cursor", async () => {
    const stream = createModelStream();
    const { recorder, exporter, wal, end } = await live(createSimulatedDisk(), stream);
    await Promise.all(upTo(1200).map((n) => recorder.record(thought(String(n)), agent)));
    expect(await exporter.drain(5000)).toBe(true);
    expect(seqs(stream)).toEqual(upTo(1200));
    expect(verifyChain(stream.frames.map(chained), zeroHash)).toBeUndefined();
    expect(stream.calls.send).toBeGreaterThanOrEqual(3);
    expect(wal.stats().cursor).toBe(1200);
    expect(exporter.state().stored).toMatchObject({ epoch: 1, seq: 1200 });
    await end();
  });

  it("sends again what the stream lost although it had been stored", async () => {
    const disk = createSimulatedDisk();
    const stream = createModelStream();
    const first = await live(disk, stream);
    await Promise.all(upTo(20).map((n) => first.recorder.record(thought(String(n)), agent)));
    await first.exporter.drain(5000);
    await first.end();
    stream.loseTail(8);
    const second = await live(disk, stream, { life: 2 });
    await second.recorder.record(thought("21"), agent);
    await second.exporter.drain(5000);
    expect(seqs(stream)).toEqual(upTo(21));
    expect(verifyChain(stream.frames.map(chained), zeroHash)).toBeUndefined();
    await second.end();
  });

  it("names a gap in the middle of the log, keeps the numbers whole, and ties both sides of it together", async () => {
    const disk = createSimulatedDisk();
    const stream = createModelStream();
    const down = { when: "before" as const, error: new GrpcFailure(grpcStatus.unavailable, "down") };
    stream.failure = () => down;
    const first = await live(disk, stream, { segmentBytes: 2000 });
    for (const n of upTo(12)) await first.recorder.record(thought(String(n)), agent);
    await first.end();
    const middle = disk
      .paths()
      .filter((path) => path.endsWith(".wal"))
      .toSorted()[1] as string;
    disk.contents(middle).fill(0xff, 30, 900);
    stream.failure = undefined;
    const second = await live(disk, stream, { life: 2, segmentBytes: 2000 });
    await second.exporter.drain(5000);
    expect(seqs(stream)).toEqual(upTo(12));
    const gaps = stream.frames.filter(({ envelope }) => envelope.event_type === "GAP");
    expect(gaps.length).toBeGreaterThan(0);
    stream.frames.slice(1).forEach((frame, at) => expect(frame.prevHash).toBe(stream.frames[at]?.hash));
    const misfits = stream.frames.map(chained).filter((frame) => chainHash(frame) !== frame.hash);
    expect(misfits.map(({ seq }) => seq)).toEqual([gaps.at(-1)?.envelope.seq]);
    await second.end();
  });

  /** Flips the last byte of the newest segment: the end of the last frame there. */
  const damageEnd = (disk: SimulatedDisk): void => {
    const newest = disk
      .paths()
      .filter((path) => path.endsWith(".wal"))
      .toSorted()
      .at(-1) as string;
    disk.flip(newest, disk.contents(newest).length - 1, 0);
  };
  const kinds = (stream: ModelStream): unknown[] =>
    stream.frames.map(({ envelope: { epoch, seq, event_type } }) => [epoch, seq, event_type]);
  const down = { when: "before" as const, error: new GrpcFailure(grpcStatus.unavailable, "down") };

  it("names the last frame of an epoch when it is lost, though nothing of that epoch stands behind it", async () => {
    const disk = createSimulatedDisk();
    const stream = createModelStream();
    stream.failure = () => down;
    const first = await live(disk, stream);
    for (const text of ["one", "two"]) await first.recorder.record(thought(text), agent);
    await first.end();
    const second = await live(disk, stream, { life: 2, epoch: 2 });
    damageEnd(disk); // after the start, which found nothing wrong
    await second.recorder.record(thought("three"), agent);
    stream.failure = undefined;
    expect(await second.exporter.drain(5000)).toBe(true);
    expect(kinds(stream)).toEqual([
      [1, 1, "THOUGHT"],
      [1, 2, "GAP"],
      [2, 1, "THOUGHT"],
    ]);
    stream.frames.slice(1).forEach((frame, at) => expect(frame.prevHash).toBe(stream.frames[at]?.hash));
    await second.end();
  });

  it("names what is lost at the end of the log at once, by a GAP behind it", async () => {
    const disk = createSimulatedDisk();
    const stream = createModelStream();
    stream.failure = () => down;
    const { recorder, exporter, end } = await live(disk, stream);
    for (const text of ["one", "two"]) await recorder.record(thought(text), agent);
    damageEnd(disk);
    stream.failure = undefined;
    expect(await exporter.drain(5000)).toBe(true);
    expect(kinds(stream)).toEqual([
      [1, 1, "THOUGHT"],
      [1, 2, "GAP"],
      [1, 3, "GAP"],
    ]);
    await end();
  });

  it("goes on behind frames that only the stream still has", async () => {
    const disk = createSimulatedDisk();
    const stream = createModelStream();
    const first = await live(disk, stream);
    await first.recorder.record(thought("one"), agent);
    await first.exporter.drain(5000);
    await first.die();
    // Stored, but the answer was lost with the process: neither cursor nor hint knows of it.
    const marks = ["/log/stored", "/log/cursor"].filter((path) => disk.paths().includes(path));
    for (const path of marks) disk.cutFile(path, 0);
    damageEnd(disk);
    const second = await live(disk, stream, { life: 2 });
    await second.recorder.record(thought("two"), agent);
    expect(await second.exporter.drain(5000)).toBe(true);
    expect(kinds(stream)).toEqual([
      [1, 1, "THOUGHT"],
      [1, 2, "GAP"],
      [1, 3, "THOUGHT"],
    ]);
    stream.frames.slice(1).forEach((frame, at) => expect(frame.prevHash).toBe(stream.frames[at]?.hash));
    await second.end();
  });

  it("sends everything again that a stream lost, of earlier epochs too, when it is told to start again", async () => {
    const disk = createSimulatedDisk();
    const stream = createModelStream();
    const first = await live(disk, stream);
    await Promise.all(upTo(5).map((n) => first.recorder.record(thought(String(n)), agent)));
    await first.exporter.drain(5000);
    await first.end();
    const second = await live(disk, stream, { life: 2, epoch: 2, cut: "settled" });
    await second.exporter.drain(5000);
    stream.loseTail(3); // nobody is told, and the new epoch has nothing to be compared with
    await second.recorder.record(thought("6"), agent);
    await second.exporter.drain(5000);
    expect(kinds(stream)).toHaveLength(3);
    second.exporter.startAgain();
    expect(await second.exporter.drain(5000)).toBe(true);
    expect(kinds(stream)).toEqual([
      [1, 1, "THOUGHT"],
      [1, 2, "THOUGHT"],
      [2, 1, "THOUGHT"],
      [1, 3, "THOUGHT"],
      [1, 4, "THOUGHT"],
      [1, 5, "THOUGHT"],
    ]);
    await second.end();
  });

  it("asks for the token's error again and again, and says so, until it is accepted", async () => {
    const stream = createModelStream();
    let refusals = 5;
    const error = new GrpcFailure(grpcStatus.unauthenticated, "token expired");
    stream.failure = () => (refusals-- > 0 ? { when: "before", error } : undefined);
    const { recorder, exporter, end } = await live(createSimulatedDisk(), stream);
    await recorder.record(thought("kept"), agent);
    expect(await exporter.drain(5000)).toBe(true);
    expect(seqs(stream)).toEqual([1]);
    expect(refusals).toBeLessThan(0);
    expect(exporter.state().failing).toBeUndefined();
    await end();
  });

  it.each([
    { asks: "a while", retryMs: 7_000, random: 0, waitsMs: 7_000 },
    { asks: "no time at all, yet its own backoff", retryMs: 0, random: 0.5, waitsMs: 100 },
    { asks: "more than a timer can count, yet a minute at most", retryMs: 30 * 86_400_000, random: 0, waitsMs: 60_000 },
  ])("waits as long as the collector asks: $asks", async ({ retryMs, random, waitsMs }) => {
    const disk = createSimulatedDisk();
    const stream = createModelStream();
    const clock = manualClock();
    const wal = await openTestWal(disk);
    const recorder = await createRecorder({ identity, wal, clock, ids: countingIds(), epoch: 1 });
    const error = new GrpcFailure(grpcStatus.unavailable, "full", retryMs);
    stream.failure = () => (stream.calls.tail === 1 ? { when: "before", error } : undefined);
    const exporter = createExporter({ recorder, wal, uplink: stream, clock, random: () => random, log: silentLog });
    const stop = new AbortController();
    const running = exporter.run(stop.signal);
    await clock.advance(waitsMs - 1);
    expect(stream.calls.tail).toBe(1);
    expect(exporter.state().failing).toMatch(/full/);
    await clock.advance(1);
    expect(stream.calls.tail).toBe(2);
    stop.abort();
    await running;
    await wal.close();
  });

  it.each([
    { asked: "what the stream holds", hangs: "tail" },
    { asked: "to store frames", hangs: "send" },
  ])("tells of a collector that does not answer when it was asked $asked", async ({ asked, hangs }) => {
    const clock = manualClock();
    const wal = await openTestWal(createSimulatedDisk());
    const recorder = await createRecorder({ identity, wal, clock, ids: countingIds(), epoch: 1 });
    await recorder.record(thought("kept"), agent);
    const [waits, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const stream = createModelStream();
    const hang = async (call: string): Promise<void> => {
      if (call !== hangs) return;
      waits.resolve();
      await answer.promise;
    };
    const uplink: Uplink = {
      tail: (...given) => hang("tail").then(() => stream.tail(...given)),
      send: (...given) => hang("send").then(() => stream.send(...given)),
    };
    const exporter = createExporter({ recorder, wal, uplink, clock, random: () => 0, log: silentLog });
    const stop = new AbortController();
    const running = exporter.run(stop.signal);
    await waits.promise;
    await clock.advance(4_999);
    expect(exporter.state().failing).toBeUndefined();
    await clock.advance(1);
    expect(exporter.state().failing).toBe(`the collector was asked ${asked} and has not answered for 5 s`);
    answer.resolve();
    expect(await exporter.drain(1_000)).toBe(true);
    expect(exporter.state().failing).toBeUndefined();
    stop.abort();
    await running;
    await wal.close();
  });

  it("waits longer each time that the stream takes nothing, however well it tells what it holds", async () => {
    const stream = createModelStream();
    const waits: number[] = [];
    const enough = Promise.withResolvers<void>();
    const error = new GrpcFailure(grpcStatus.internal, "no");
    // Sends fail, questions do not: those come first in each session.
    stream.failure = () => (stream.calls.send > waits.length ? { when: "before", error } : undefined);
    const clock = {
      ...systemClock(),
      sleep: (ms: number, signal?: AbortSignal) => {
        waits.push(ms);
        if (waits.length === 6) enough.resolve();
        return waits.length < 6 ? Promise.resolve() : systemClock().sleep(60_000, signal);
      },
    };
    const wal = await openTestWal(createSimulatedDisk());
    const recorder = await createRecorder({ identity, wal, clock: systemClock(), ids: countingIds(), epoch: 1 });
    await recorder.record(thought("never"), agent);
    const exporter = createExporter({ recorder, wal, uplink: stream, clock, random: () => 1, log: silentLog });
    const stop = new AbortController();
    const running = exporter.run(stop.signal);
    await enough.promise;
    const { failing } = exporter.state();
    stop.abort();
    await running;
    await wal.close();
    expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 5_000]);
    expect(failing).toMatch(/no/);
  });

  it("sends nothing while the stream is ahead of the log: two recorders, or a lost log", async () => {
    const stream = createModelStream();
    const first = await live(createSimulatedDisk(), stream);
    await Promise.all(upTo(3).map((n) => first.recorder.record(thought(String(n)), agent)));
    await first.exporter.drain(5000);
    await first.end();
    const { recorder, exporter, end } = await live(createSimulatedDisk(), stream, { life: 2 });
    await recorder.record(thought("another"), agent);
    while (exporter.state().failing === undefined) await new Promise(setImmediate);
    expect(exporter.state().failing).toMatch(/stream holds seq 3 .* the log ends at/);
    expect(stream.frames).toHaveLength(3);
    await end();
  });

  it("drain gives up when its time is over", async () => {
    const stream = createModelStream();
    stream.failure = () => ({ when: "before", error: new GrpcFailure(grpcStatus.unavailable, "down") });
    const { recorder, exporter, end } = await live(createSimulatedDisk(), stream);
    await recorder.record(thought("stuck"), agent);
    expect(await exporter.drain(20)).toBe(false);
    await end();
  });

  it("stores each acknowledged frame exactly once, whatever dies: property over kills, failures and lost tails", async () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant("record" as const), count: fc.integer({ min: 1, max: 20 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("kill" as const),
          picks: fc.array(fc.nat(), { minLength: 1, maxLength: 9 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("fail" as const),
          after: fc.boolean(),
          times: fc.integer({ min: 1, max: 3 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("loseTail" as const), count: fc.nat(10) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("nextEpoch" as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const disk = createSimulatedDisk();
        const stream = createModelStream();
        const acknowledged = new Map<string, string>();
        let [number, epoch, text] = [1, 1, 0];
        let life = await live(disk, stream, { life: number, epoch });
        const restart = async (): Promise<void> => {
          number += 1;
          life = await live(disk, stream, { life: number, epoch });
        };
        for (const act of steps) {
          if (act.kind === "record") {
            const texts = upTo(act.count).map(() => String((text += 1)));
            const results = await Promise.all(texts.map((word) => life.recorder.record(thought(word), agent)));
            results.forEach((result, at) => {
              if (result.ok) acknowledged.set(`${epoch}/${result.seq}`, texts[at] as string);
            });
          } else if (act.kind === "kill") {
            const dying = life.recorder.record(thought("unacknowledged"), agent).catch(() => undefined);
            let at = 0;
            disk.crash((n) => (act.picks[at++ % act.picks.length] as number) % (n + 1));
            await life.end().catch(() => undefined);
            await dying;
            await restart();
          } else if (act.kind === "fail") {
            let left = act.times;
            const error = new GrpcFailure(grpcStatus.unavailable, "broken");
            stream.failure = () => (left-- > 0 ? { when: act.after ? "after" : "before", error } : undefined);
          } else if (act.kind === "loseTail") {
            await life.exporter.drain(5000);
            await life.end();
            const losable = stream.frames.filter(({ envelope }) => envelope.epoch === epoch).length;
            stream.loseTail(Math.min(act.count, losable));
            await restart();
          } else {
            await life.exporter.drain(5000);
            await life.end();
            epoch += 1;
            await restart();
          }
        }
        expect(await life.exporter.drain(5000)).toBe(true);
        await life.end();
        const stored = new Map(stream.frames.map((frame) => [`${frame.envelope.epoch}/${frame.envelope.seq}`, frame]));
        expect(stored.size).toBe(stream.frames.length);
        for (const [key, word] of acknowledged) {
          expect(Buffer.from(stored.get(key)?.bytes ?? []).toString()).toContain(`"text":"${word}"`);
        }
        for (const each of upTo(epoch)) {
          const frames = stream.frames.filter(({ envelope }) => envelope.epoch === each);
          expect(verifyChain(frames.map(chained))).toBeUndefined();
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
