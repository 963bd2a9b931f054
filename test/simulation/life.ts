import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { EventLoop } from "./event-loop.ts";

/** 2026-11-21T05:00:00Z, where virtual time begins. */
const START_MS = 1_795_237_200_000;

/** One life of one simulated process. After its death its code may still stand in memory, but nothing reaches it and it reaches nothing. */
export type Life = {
  readonly name: string;
  readonly clock: Clock;
  isAlive(): boolean;
  /** Passes on what happened, unless the process is dead by then. */
  hears<A extends unknown[]>(listener: (...args: A) => void): (...args: A) => void;
  onDeath(run: () => void): void;
  die(): void;
};

/** The wall clock of a machine: virtual time, off by what a fault set it off. */
export type WallClock = { offsetMs: number };

const sleepOn = (after: Clock["after"], ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });

/** Begins a life on a machine's clock. */
export const beginLife = (loop: EventLoop, name: string, wall: WallClock = { offsetMs: 0 }): Life => {
  const deaths: Array<() => void> = [];
  let alive = true;
  let lastNs = 0n;
  const born = loop.nowMs();
  const hears: Life["hears"] =
    (listener) =>
    (...args) => {
      if (alive) listener(...args);
    };
  const after: Clock["after"] = (ms, run) => (alive ? loop.after(ms, hears(run)) : () => undefined);
  const wallMs = (): number => START_MS + wall.offsetMs + loop.nowMs();
  return {
    name,
    isAlive: () => alive,
    hears,
    onDeath: (run) => void deaths.push(run),
    die: () => {
      alive = false;
      for (const run of deaths.splice(0)) run();
    },
    clock: {
      now: wallMs,
      nowNs: () => {
        const now = BigInt(Math.round(wallMs() * 1_000)) * 1_000n;
        lastNs = now > lastNs ? now : lastNs + 1n;
        return lastNs;
      },
      monotonicMs: () => loop.nowMs() - born,
      after,
      sleep: (ms, signal) => sleepOn(after, ms, signal),
    },
  };
};
