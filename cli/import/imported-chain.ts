import { createRecorder, type RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import type { Redactor } from "#nervous-system/recorder/redact.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import type { Ids, TraceIds } from "#nervous-system/schemas/ids.ts";
import type { ChainLog } from "./destination.ts";

/**
 * Who tells a frame, and when it was observed, Unix nanoseconds; undefined, or more than a day ahead of now: right behind the
 * one before.
 */
export type Origin = {
  producer: Producer;
  observedNs: bigint | undefined;
  trace?: TraceIds | undefined;
  /** Whether secrets were taken out of it before. */
  withheld?: boolean;
};

/** A chain that is made anew from what somebody else wrote down, the same each time: same place, same hash. */
export type ImportedChain = {
  tell(frame: unknown, origin: Origin): Promise<RecordResult>;
  /** The same for a frame's line of JSON. */
  line(text: string, origin: Origin): Promise<RecordResult>;
};

/** What an imported chain is made of. */
export type ChainParts = {
  identity: RecorderIdentity;
  redactor: Redactor | undefined;
  ids: Ids;
  clock: Pick<Clock, "nowNs">;
  log: ChainLog;
};

/** A clock may go ahead of ours by a day: nearer times would else be taken by the next import, as another chain. */
const AHEAD_NS = 24n * 3_600_000_000_000n;

/**
 * Begins a chain. Its frames are observed when what they tell of was written down, not now: so an import that is repeated makes
 * no second chain, and questions about a time find what was done then. A time that has not come yet is none: all frames behind
 * it would have it.
 */
export const beginChain = async ({ identity, redactor, ids, clock, log }: ChainParts): Promise<ImportedChain> => {
  const latestNs = clock.nowNs() + AHEAD_NS;
  let observedNs = 0n;
  let index = 0;
  const recorder = await createRecorder({
    identity,
    redactor,
    ids,
    epoch: 1,
    clock: { nowNs: () => observedNs },
    wal: {
      append: async (payload) => {
        await log.append(payload);
        index += 1;
        return index;
      },
      reader: () => ({ next: async () => [], close: async () => undefined }),
      first: 1,
      last: undefined,
      cursor: () => ({ index: 0, note: Buffer.alloc(0) }),
    },
  });
  const how = ({ producer, observedNs: at, trace, withheld = false }: Origin) => {
    observedNs = at === undefined || at > latestNs ? 0n : at; // a chain's time never goes back
    return { producer, withheld, ...(trace === undefined ? {} : { trace }) };
  };
  return {
    tell: (frame, origin) => recorder.record(frame, how(origin)),
    line: (text, origin) => recorder.recordLine(text, how(origin)),
  };
};
