import { describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createModelStream, type ModelStream } from "#test/simulation/model-stream.ts";
import { startRecording, type Recording } from "./recording.ts";
import type { WalCut } from "./wal-cut.ts";
import { identity } from "#test/builders/recorder.ts";
import { createSimulatedDisk, type SimulatedDisk } from "#test/simulation/simulated-disk.ts";

const hasty = { ...systemClock(), sleep: (_ms: number, signal?: AbortSignal) => systemClock().sleep(1, signal) };
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const seqs = (stream: ModelStream): number[] => stream.frames.map(({ envelope }) => envelope.seq);
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise(setImmediate);
};

type Stores = { settled: number };

const start = (disk: SimulatedDisk, stream: ModelStream, stores: Stores, cut: WalCut): Promise<Recording> =>
  startRecording({
    directory: "/log",
    identity,
    epoch: 1,
    uplink: {
      send: (frames, signal) => stream.send(frames, signal),
      tail: async (chain, signal) => ({ ...(await stream.tail(chain, signal)), settled: stores.settled }),
    },
    disk: disk.mount(),
    processes: { self: () => "1", isAlive: () => false },
    clock: hasty,
    ids: randomIds(),
    random: Math.random,
    log: silentLog,
    limits: { segmentBytes: 3000, groupBytes: 3000, keepBytes: 0, floorBytes: 0 },
    cut,
  });

/** Records 60 frames, stores them all, and loses the stream's last 40; answers what the log holds at that moment. */
const loseWhatWasStored = async (disk: SimulatedDisk, stream: ModelStream, cut: WalCut): Promise<number> => {
  const stores = { settled: 0 };
  const recording = await start(disk, stream, stores, cut);
  for (const n of upTo(60))
    await recording.recorder.record({ event_type: "THOUGHT", payload: { text: `${n}` } }, { producer: "agent" });
  await until(() => recording.marks().stored === 60);
  stores.settled = 20;
  await until(() => recording.marks().settled === 20);
  expect(recording.marks()).toEqual({ written: 60, stored: 60, settled: 20 });
  const { segments } = recording.health().wal;
  await recording.close();
  stream.loseTail(40);
  return segments;
};

describe("a recording whose stream does not sync each write", () => {
  it("keeps frames until they are settled, and heals a stream that lost what it had stored", async () => {
    const [disk, stream] = [createSimulatedDisk(), createModelStream()];
    const segments = await loseWhatWasStored(disk, stream, "settled");
    expect(segments).toBeGreaterThan(5);
    const second = await start(disk, stream, { settled: 20 }, "settled");
    await until(() => stream.frames.length === 60);
    expect(seqs(stream)).toEqual(upTo(60));
    // While it runs, too.
    await until(() => second.marks().settled === 20);
    stream.loseTail(30);
    await until(() => stream.frames.length === 60);
    expect(seqs(stream)).toEqual(upTo(60));
    await second.close();
  });

  it("lets go of what is settled", async () => {
    const [disk, stream] = [createSimulatedDisk(), createModelStream()];
    const stores = { settled: 0 };
    const recording = await start(disk, stream, stores, "settled");
    for (const n of upTo(60))
      await recording.recorder.record({ event_type: "THOUGHT", payload: { text: `${n}` } }, { producer: "agent" });
    await until(() => recording.marks().stored === 60);
    const before = recording.health().wal.segments;
    stores.settled = 60;
    await until(() => recording.health().wal.segments < before / 2);
    await recording.close();
  });
});

describe("a recording whose stream syncs each write", () => {
  it("lets go of what is stored, so that only the newest segments are left", async () => {
    expect(await loseWhatWasStored(createSimulatedDisk(), createModelStream(), "stored")).toBeLessThan(3);
  });
});
