import { describe, expect, it } from "@jest/globals";
import type { Delivered } from "#nervous-system/comms/nats/stream-position.ts";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createGatherer, type Gathered } from "./gather.ts";

const item = (place: number, bytes = 10): Delivered => ({
  item: { kind: "poison", poison: { place, subject: "s", bytes: Buffer.alloc(bytes), reason: "" } },
  mark: { stream: "s", place, hash: `hash ${place}` },
});

/** A stream that a test fills; `next` waits when it is empty. */
const streamOf = (items: Delivered[]) => {
  const waiting: Array<(item: Delivered) => void> = [];
  return {
    next: () => {
      const first = items.shift();
      return first === undefined ? new Promise<Delivered>((resolve) => waiting.push(resolve)) : Promise.resolve(first);
    },
    push: (more: Delivered) => {
      const waiter = waiting.shift();
      if (waiter === undefined) items.push(more);
      else waiter(more);
    },
  };
};

const limits = { maxFrames: 3, maxBytes: 100, lingerMs: 250 };
const { signal } = new AbortController();
const places = ({ items }: Gathered): number[] => items.map(({ mark }) => mark.place);

describe("gathering", () => {
  it("cuts at the number of frames, and at their bytes", async () => {
    const stream = streamOf([item(1), item(2), item(3), item(4, 100), item(5)]);
    const gatherer = createGatherer(stream, limits, { clock: manualClock() });
    expect(await gatherer.next(signal)).toMatchObject({
      cut: { stream: "s", from: 1, to: 3, hash: "hash 3" },
      last: 3,
    });
    expect(places(await gatherer.next(signal))).toEqual([4]);
  });

  it("cuts a quarter second after the first message, however long the stream was silent before", async () => {
    const clock = manualClock();
    const stream = streamOf([]);
    const gatherer = createGatherer(stream, limits, { clock });
    const gathered = gatherer.next(signal);
    await clock.advance(60_000);
    stream.push(item(8));
    await clock.advance(200);
    stream.push(item(9));
    await clock.advance(50);
    expect(await gathered).toMatchObject({ cut: { from: 8, to: 9 } });
    // The message that it waited for meanwhile belongs to the next batch.
    const next = gatherer.next(signal);
    stream.push(item(10));
    await clock.advance(250);
    expect(places(await next)).toEqual([10]);
  });

  it("takes along what was fetched by the time that it is due, however late its turn comes", async () => {
    const clock = manualClock();
    const stream = streamOf(Array.from({ length: 1_300 }, (_, n) => item(n + 1)));
    const gatherer = createGatherer(stream, { ...limits, maxFrames: 2_000, maxBytes: 1e9, lingerMs: 0 }, { clock });
    const gathered = gatherer.next(signal);
    await clock.advance(1);
    expect(await gathered).toMatchObject({ cut: { from: 1, to: 1_300 } });
  });

  it("begins with exactly the cut that may be written already", async () => {
    const stream = streamOf([1, 2, 3, 5, 6, 7, 8, 9].map((seq) => item(seq)));
    const unsure = { stream: "s", from: 2, to: 6, hash: "hash 6" };
    const gatherer = createGatherer(stream, limits, { clock: manualClock(), unsure });
    const again = await gatherer.next(signal);
    expect([places(again), again.cut]).toEqual([[2, 3, 5, 6], unsure]);
    expect(places(await gatherer.next(signal))).toEqual([7, 8, 9]);
  });

  it("goes on behind that cut when none of it is left", async () => {
    const stream = streamOf([item(7), item(8), item(9)]);
    const unsure = { stream: "s", from: 2, to: 6, hash: "hash 6" };
    const gatherer = createGatherer(stream, limits, { clock: manualClock(), unsure });
    expect(await gatherer.next(signal)).toMatchObject({ cut: { from: 7, to: 9 } });
  });

  it("is the same cut where its last messages are gone, acknowledged as far as it goes", async () => {
    const stream = streamOf([item(2), item(3), item(9)]);
    const unsure = { stream: "s", from: 2, to: 6, hash: "hash 6" };
    const gatherer = createGatherer(stream, limits, { clock: manualClock(), unsure });
    expect(await gatherer.next(signal)).toMatchObject({ cut: unsure, last: 3 });
  });
});
