import { setImmediate as nextTurn } from "node:timers/promises";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { groupsOf } from "#nervous-system/kernel/groups.ts";
import { EncodedRow } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { projectRow } from "#pipeline/siphon/ledger/row.ts";

/** Rows of frames as ClickHouse gets them. */
export type EncodedRows = {
  /** The rows of frames; throws where none can be made of one. They are foreseen no further. */
  of(frames: readonly StoredFrame[]): EncodedRow[];
  /** Makes rows that will be asked for, in turns with whoever else needs the processor. */
  foresee(frames: readonly StoredFrame[]): Promise<void>;
  /** Lets go of the rows of frames that were written. */
  forget(frames: readonly StoredFrame[]): void;
};

const TURN = { items: 256, bytes: Infinity, bytesOf: (): number => 0 };

const encode = (frame: StoredFrame): EncodedRow => new EncodedRow(projectRow(frame));

/** Creates them; of frames that nobody holds any more they hold nothing either. */
export const createEncodedRows = (): EncodedRows => {
  const made = new WeakMap<StoredFrame, EncodedRow>();
  const taken = new WeakSet<StoredFrame>();
  return {
    of: (frames) => {
      for (const frame of frames) taken.add(frame);
      return frames.map((frame) => made.get(frame) ?? encode(frame));
    },
    foresee: async (frames) => {
      for (const group of groupsOf(frames, TURN)) {
        await nextTurn();
        if (group.some((frame) => taken.has(frame))) return; // what is made behind that nobody asks for
        try {
          for (const frame of group) made.set(frame, encode(frame));
        } catch {
          return; // who writes it finds the reason
        }
      }
    },
    forget: (frames) => {
      for (const frame of frames) made.delete(frame);
    },
  };
};
