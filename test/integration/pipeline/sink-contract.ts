import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Erasure } from "#pipeline/siphon/erasures.ts";
import type { Batch, KeptCut, Sink } from "#pipeline/siphon/sink.ts";

/** A sink's real store, as the contract needs it. */
export type SinkHarness = {
  /** A new sink on the same store, as a process that starts would make it. */
  open(): Sink;
  /** `count` fresh frames of one agent, in stream order, each with a payload of its own. */
  frames(count: number): readonly StoredFrame[];
  /** Frames with payloads that fit no schema, and text that no column expects. */
  strangeFrames(): readonly StoredFrame[];
  /** Hashes of the frames in the store as a reader sees them, in stream order. */
  visible(): Promise<readonly string[]>;
  /** A fresh frame of a type that is never erased, of the same agent. */
  gap(): StoredFrame;
  /** Hashes of those in the store that say something still. */
  speaking(): Promise<readonly string[]>;
  /** Makes the store unreachable, and reachable again with what it holds. */
  stopStore(): Promise<void>;
  startStore(): Promise<void>;
  stop(): Promise<void>;
};

const stream = "2026-11-23T00:00:00Z";
const never = new AbortController().signal;

const batchOf = (frames: readonly StoredFrame[], from = frames[0]?.place ?? 1): Batch => ({
  cut: { stream, from, to: frames.at(-1)?.place ?? from, hash: frames.at(-1)?.hash ?? "" },
  frames,
});

const hashes = (frames: readonly StoredFrame[]): string[] => frames.map(({ hash }) => hash);

/** A sink on its store, and what a step adds to what a reader sees. */
type Subject = {
  harness: SinkHarness;
  sink: Sink;
  grew(write: () => Promise<void>): Promise<readonly string[]>;
};

const itWritesOnce = (subject: () => Subject): void => {
  it("writes a batch and shows its frames in order", async () => {
    const { harness, sink, grew } = subject();
    const frames = harness.frames(50);
    const added = await grew(async () => {
      expect(await sink.write(batchOf(frames), never)).toEqual({ kind: "written" });
    });
    expect(added).toEqual(hashes(frames));
  });

  it("writes what it was told of before as it writes everything", async () => {
    const { harness, sink, grew } = subject();
    const frames = harness.frames(30);
    const added = await grew(async () => {
      await sink.foresee?.([...harness.strangeFrames(), ...frames.slice(0, 20)]);
      expect(await sink.write(batchOf(frames), never)).toEqual({ kind: "written" });
      expect(await sink.write(batchOf(frames), never)).toEqual({ kind: "written" });
    });
    expect(added).toEqual(hashes(frames));
  });

  it("shows a frame once, however often, by whom and in which cut it is written", async () => {
    const { harness, sink, grew } = subject();
    const frames = harness.frames(40);
    const another = harness.open();
    await another.prepare();
    const added = await grew(async () => {
      await sink.write(batchOf(frames), never);
      await sink.write(batchOf(frames), never);
      await another.write(batchOf(frames), never);
      await another.write(batchOf(frames.slice(10, 30)), never);
      await another.write(batchOf(frames.slice(20)), never);
    });
    expect(added).toEqual(hashes(frames));
    await another.close();
  });

  it("takes frames that fit no schema", async () => {
    const { harness, sink, grew } = subject();
    const frames = harness.strangeFrames();
    const added = await grew(async () => {
      expect(await sink.write(batchOf(frames), never)).toEqual({ kind: "written" });
    });
    expect(added).toEqual(hashes(frames));
  });

  it("takes a batch without frames", async () => {
    expect(await subject().sink.write(batchOf([], 7), never)).toEqual({ kind: "written" });
  });
};

const itKeepsCuts = (subject: () => Subject): void => {
  it("keeps the cuts that were begun last, ever fewer of older ones, whatever stream they are of", async () => {
    const { harness, sink } = subject();
    const cut = (number: number): KeptCut => ({
      stream: `stream ${Math.ceil(number / 10)}`,
      from: number * 5,
      // One that ends further back than those before it: its stream lost its tail.
      to: number === 13 ? 70 : number * 5 + 400,
      hash: `hash ${number}`,
      number,
    });
    expect(await sink.cuts()).toEqual([]);
    for (let number = 1; number <= 13; number += 1) await sink.keepCut(cut(number));
    const another = harness.open();
    expect(await another.cuts()).toEqual([13, 12, 10, 8].map(cut));
    await another.close();
  });

  it("takes the same places of another stream, or of one that lost its tail, for other frames", async () => {
    const { harness, sink, grew } = subject();
    const [one, two, three] = [harness.frames(5), harness.frames(5), harness.frames(5)];
    const added = await grew(async () => {
      const { cut } = batchOf(one);
      await sink.write({ cut, frames: one }, never);
      await sink.write({ cut: { ...cut, hash: "f".repeat(64) }, frames: two }, never);
      await sink.write({ cut: { ...cut, stream: "made anew" }, frames: three }, never);
    });
    expect(added).toEqual(hashes([...one, ...two, ...three]));
  });
};

const orderOf = ({ envelope, place, principal = "" }: StoredFrame, other: Partial<Erasure> = {}): Erasure => {
  const { namespace, agent_uid: agentUid, epoch, seq, event_id: eventId } = envelope;
  return { namespace, eventId, agentUid, epoch, seq, principal, places: [place], blobs: [], ...other };
};

const itErases = (subject: () => Subject): void => {
  it("erases the frame that is meant, and neither another at its place nor what is never erased", async () => {
    const { harness, sink } = subject();
    const [one, two, three] = harness.frames(3);
    if (one === undefined || two === undefined || three === undefined) throw new Error("no frames");
    const gap = harness.gap();
    await sink.write(batchOf([one, two, three, gap]), never);
    const before = await harness.speaking();
    const nobodys = [
      orderOf(one, { eventId: "another" }),
      orderOf(one, { eventId: two.envelope.event_id }),
      orderOf(one, { epoch: one.envelope.epoch + 1 }),
      orderOf(one, { namespace: "team-b" }),
      orderOf(gap),
    ];
    expect(await sink.erase(nobodys, never)).toEqual({ kind: "written" });
    expect(await harness.speaking()).toEqual(before);
    for (const _ of [1, 2]) expect(await sink.erase([orderOf(two), ...nobodys], never)).toEqual({ kind: "written" });
    expect(await harness.speaking()).toEqual(before.filter((hash) => hash !== two.hash));
    expect(before).toContain(two.hash);
  });
};

const itTellsWhatToDo = (subject: () => Subject): void => {
  it("gives up when told to, and the batch can be written again", async () => {
    const { harness, sink, grew } = subject();
    const frames = harness.frames(10);
    const added = await grew(async () => {
      const result = await sink.write(batchOf(frames), AbortSignal.abort(new Error("stop")));
      expect(result.kind).toBe("retryable");
      expect(await sink.write(batchOf(frames), never)).toEqual({ kind: "written" });
    });
    expect(added).toEqual(hashes(frames));
  });

  it("asks for another try while the store is away, and loses nothing by it", async () => {
    const { harness, sink, grew } = subject();
    const frames = harness.frames(10);
    const added = await grew(async () => {
      await harness.stopStore();
      expect((await sink.write(batchOf(frames), never)).kind).toBe("retryable");
      await harness.startStore();
      expect(await sink.write(batchOf(frames), never)).toEqual({ kind: "written" });
    });
    expect(added).toEqual(hashes(frames));
  }, 300_000);

  it("closes twice", async () => {
    const another = subject().harness.open();
    await another.close();
    await another.close();
  });
};

/** What every sink has to keep, whatever its store. */
export const describeSinkContract = (name: string, start: () => Promise<SinkHarness>): void => {
  describe(`sink contract: ${name}`, () => {
    let subject: Subject;
    beforeAll(async () => {
      const harness = await start();
      const sink = harness.open();
      await sink.prepare();
      const grew: Subject["grew"] = async (write) => {
        const before = new Set(await harness.visible());
        await write();
        return (await harness.visible()).filter((hash) => !before.has(hash));
      };
      subject = { harness, sink, grew };
    }, 600_000);
    afterAll(async () => {
      await subject.sink.close();
      await subject.harness.stop();
    }, 60_000);
    itWritesOnce(() => subject);
    itKeepsCuts(() => subject);
    itErases(() => subject);
    itTellsWhatToDo(() => subject);
  });
};
