import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { insertToken, slotOf, type KeptCut, type Sink, type SinkResult } from "#pipeline/siphon/sink.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";

/** A row: a frame where it stood when it was written. */
type LedgerRow = StoredFrame;

/** How the store is now. */
type LedgerWeather = { delayMs: number; lose: number };

/**
 * A store that keeps the ledger's contract: one row a key, that of the frame which the stream stored last; one insert a token,
 * a cut a slot; what it answered is durable.
 */
export type SimulatedLedger = {
  readonly rows: ReadonlyMap<string, LedgerRow>;
  readonly weather: LedgerWeather;
  /** A sink of one process on it. */
  sink(life: Life): Sink;
};

/** The key of a frame in every store. */
export const keyOf = ({ envelope }: Pick<StoredFrame, "envelope">): string =>
  `${envelope.agent_uid}/${envelope.epoch}/${envelope.seq}`;

/** Creates an empty ledger. */
export const createSimulatedLedger = (loop: EventLoop, random: Random): SimulatedLedger => {
  const rows = new Map<string, LedgerRow>();
  const tokens = new Set<string>();
  const cuts = new Map<number, KeptCut>();
  const weather: LedgerWeather = { delayMs: 2, lose: 0 };

  /** Does `apply` in the store; request and answer may be lost. */
  const ask = <T>(life: Life, apply: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const lost = life.hears(() => reject(new Error("the store does not answer")));
      loop.after(random.next() * weather.delayMs, () => {
        if (!life.isAlive() && random.chance(0.5)) return; // it died before it had sent all of it
        if (random.chance(weather.lose)) return void loop.after(10, lost);
        const result = apply();
        if (random.chance(weather.lose)) return void loop.after(10, lost);
        loop.after(
          random.next() * weather.delayMs,
          life.hears(() => resolve(result)),
        );
      });
    });
  const insert = (token: string, frames: readonly StoredFrame[]): void => {
    if (tokens.has(token)) return;
    tokens.add(token);
    for (const frame of frames) {
      const row = rows.get(keyOf(frame));
      if (row === undefined || row.storedNs <= frame.storedNs) rows.set(keyOf(frame), frame);
    }
  };

  return {
    rows,
    weather,
    sink: (life) => ({
      prepare: () => ask(life, () => undefined),
      cuts: () => ask(life, () => [...cuts.values()].toSorted((a, b) => b.number - a.number)),
      keepCut: (cut) => ask(life, () => void cuts.set(slotOf(cut.number), cut)),
      // No simulated user orders it.
      erase: () => Promise.resolve({ kind: "written" }),
      write: async ({ cut, frames }): Promise<SinkResult> => {
        return ask(life, () => insert(insertToken("ledger", cut), frames)).then(
          () => ({ kind: "written" }),
          (error: unknown) => ({ kind: "retryable", reason: String(error) }),
        );
      },
      close: () => Promise.resolve(),
    }),
  };
};
