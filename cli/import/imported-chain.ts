import { createRecorder, type RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import type { Redactor } from "#nervous-system/recorder/redact.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import type { Ids, TraceIds } from "#nervous-system/schemas/ids.ts";
import type { ChainLog } from "./destination.ts";

/** Who tells a frame, and when it was observed, Unix nanoseconds; undefined: right behind the one before. */
type Origin = { producer: Producer; observedNs: bigint | undefined; trace?: TraceIds | undefined };

/** A chain that is made anew from what somebody else wrote down, the same each time: same place, same hash. */
export type ImportedChain = {
  tell(frame: unknown, origin: Origin): Promise<RecordResult>;
  /** The same for a frame's line of JSON. */
  line(text: string, origin: Origin): Promise<RecordResult>;
};

/** What an imported chain is made of. */
export type ChainParts = { identity: RecorderIdentity; redactor: Redactor | undefined; ids: Ids; log: ChainLog };

/**
 * Begins a chain. Its frames are observed when what they tell of was written down, not now: so an import that is repeated makes
 * no second chain, and questions about a time find what was done then.
 */
export const beginChain = async ({ identity, redactor, ids, log }: ChainParts): Promise<ImportedChain> => {
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
  const how = ({ producer, observedNs: at, trace }: Origin) => {
    observedNs = at ?? 0n; // a chain's time never goes back
    return trace === undefined ? { producer } : { producer, trace };
  };
  return {
    tell: (frame, origin) => recorder.record(frame, how(origin)),
    line: (text, origin) => recorder.recordLine(text, how(origin)),
  };
};
