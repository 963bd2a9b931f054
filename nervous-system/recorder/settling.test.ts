import { describe, expect, it } from "@jest/globals";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { createSettling, type Settling } from "./settling.ts";
import type { WalCut } from "./wal-cut.ts";
import { identity } from "#test/builders/recorder.ts";
import type { StreamTail } from "./uplink.ts";

type Bench = {
  settling: Settling;
  clock: ManualClock;
  /** What the stream says of each epoch. */
  tails: Map<number, StreamTail>;
  /** Every index that the log was told to hold at. */
  held: number[];
  losses: () => number;
  end: () => Promise<void>;
};

const bench = (cut: WalCut, epoch = 1): Bench => {
  const clock = manualClock();
  const tails = new Map<number, StreamTail>();
  const held: number[] = [];
  let losses = 0;
  const settling = createSettling({
    recorder: { identity, epoch },
    wal: { hold: async (index) => void held.push(index) },
    uplink: { tail: async (chain) => tails.get(chain.epoch) ?? { seq: 0, hash: "" } },
    clock,
    cut,
    onLost: () => (losses += 1),
  });
  const stop = new AbortController();
  const running = settling.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { settling, clock, tails, held, losses: () => losses, end };
};

const POLL_MS = 5_000;

describe("settling", () => {
  it("holds everything first, then lets go of what every store holds", async () => {
    const { settling, clock, tails, held, end } = bench("settled");
    settling.stored(3, { epoch: 1, seq: 3 });
    settling.stored(7, { epoch: 1, seq: 7 });
    tails.set(1, { seq: 7, hash: "", settled: 5 });
    await clock.advance(POLL_MS);
    expect(held).toEqual([0, 3]);
    expect(settling.settled()).toBe(5);
    tails.set(1, { seq: 7, hash: "", settled: 7 });
    await clock.advance(POLL_MS);
    expect(held).toEqual([0, 3, 7]);
    await end();
  });

  it("lets go of nothing of an earlier epoch because a later one is settled", async () => {
    const { settling, clock, tails, held, end } = bench("settled", 2);
    settling.stored(4, { epoch: 1, seq: 4 });
    settling.stored(6, { epoch: 2, seq: 2 });
    tails.set(2, { seq: 2, hash: "", settled: 2 });
    tails.set(1, { seq: 4, hash: "", settled: 3 });
    await clock.advance(POLL_MS);
    expect(held).toEqual([0]);
    tails.set(1, { seq: 4, hash: "", settled: 4 });
    await clock.advance(POLL_MS);
    expect(held).toEqual([0, 6]);
    await end();
  });

  it.each(["settled", "stored"] as const)(
    "tells of a stream that lost its tail, with the log cut at %s",
    async (cut) => {
      const { settling, clock, tails, losses, end } = bench(cut);
      settling.stored(7, { epoch: 1, seq: 7 });
      tails.set(1, { seq: 7, hash: "" });
      await clock.advance(60_000);
      expect(losses()).toBe(0);
      tails.set(1, { seq: 5, hash: "" });
      await clock.advance(60_000);
      expect(losses()).toBeGreaterThan(0);
      await end();
    },
  );

  it("tells of a loss once, however long it takes to send it again, and of the next one", async () => {
    const { settling, clock, tails, losses, end } = bench("settled");
    settling.stored(90_000, { epoch: 1, seq: 90_000 });
    tails.set(1, { seq: 10, hash: "" });
    await clock.advance(POLL_MS);
    expect(losses()).toBe(1);
    for (const seq of [10, 20_000, 40_000]) {
      tails.set(1, { seq, hash: "" });
      settling.stored(seq, { epoch: 1, seq });
      await clock.advance(POLL_MS);
    }
    expect(losses()).toBe(1);
    tails.set(1, { seq: 30_000, hash: "" });
    await clock.advance(POLL_MS);
    expect(losses()).toBe(2);
    await end();
  });

  it("waits until the stores have reached a frame, or no longer", async () => {
    const { settling, clock, tails, end } = bench("settled");
    const limit = new AbortController();
    const reached = settling.reached(3, limit.signal);
    tails.set(1, { seq: 3, hash: "", settled: 3 });
    await clock.advance(1_000);
    expect(await reached).toBe(true);
    const never = settling.reached(9, limit.signal);
    await clock.advance(1_000);
    limit.abort();
    expect(await never).toBe(false);
    await end();
  });

  it("keeps the ends of epochs when it has too many marks to keep", async () => {
    const { settling, clock, tails, held, end } = bench("settled", 2);
    for (let n = 1; n <= 3_000; n += 1) settling.stored(n, { epoch: n <= 500 ? 1 : 2, seq: n <= 500 ? n : n - 500 });
    tails.set(2, { seq: 2_500, hash: "", settled: 2_500 });
    tails.set(1, { seq: 500, hash: "", settled: 499 });
    await clock.advance(POLL_MS);
    expect(held.at(-1)).toBeLessThan(500);
    tails.set(1, { seq: 500, hash: "", settled: 500 });
    await clock.advance(POLL_MS);
    expect(held.at(-1)).toBe(3_000);
    await end();
  });
});
