import type { Moment } from "#pipeline/auditor/compare-ledger.ts";

/** Behind what rows of the ledger are looked for that must be in the archive. */
export type Due = {
  readonly after: Moment;
  /** The first place that is looked at, whatever the time. */
  readonly fromPlace: number;
  /** When the stream that is there now was created. */
  readonly createdNs: bigint;
  /** The first place in it that the archive is not through. */
  readonly finished: number;
  /** The first place behind its end. */
  readonly end: number;
  readonly nowNs: bigint;
};

/** Another machine's clock may be ahead, and storing takes its time: what is further from now than this is told wrongly. */
const HOUR_NS = 3_600_000_000_000n;

const bounds = ({ nowNs }: Due): { readonly soon: bigint; readonly before: bigint } => ({
  soon: nowNs + HOUR_NS,
  before: nowNs - HOUR_NS,
});

/**
 * Whether a row behind the archive's end must be in it: one of a stream before this one, of a place of this one that the archive
 * is through, of one behind its end, or from a time that is to come. `dueCondition` is the same for ClickHouse.
 */
export const isDueRow = ({ storedNs, place }: Moment, due: Due): boolean => {
  const { soon, before } = bounds(due);
  if (storedNs < due.createdNs || place < due.finished || storedNs > soon) return true;
  return place >= due.end && storedNs < before;
};

const time = (name: string): string => `fromUnixTimestamp64Nano({${name}:Int64})`;

/** A condition on rows, with the parameters of `dueParams`. */
export const dueCondition = `stored >= ${time("after")} AND (stored > ${time("after")} OR stream_seq > {afterPlace:UInt64})
  AND stream_seq >= {fromPlace:UInt64} AND (
    stored < ${time("created")} OR stream_seq < {finished:UInt64} OR stored > ${time("soon")}
    OR stream_seq >= {end:UInt64} AND stored < ${time("before")})`;

/** See `dueCondition`. */
export const dueParams = (due: Due): Record<string, string | number> => {
  const { after, fromPlace, createdNs, finished, end } = due;
  const { soon, before } = bounds(due);
  return {
    after: String(after.storedNs),
    afterPlace: after.place,
    fromPlace,
    created: String(createdNs),
    finished,
    end,
    soon: String(soon),
    before: String(before),
  };
};
