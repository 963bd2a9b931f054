import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { chainHash } from "#nervous-system/schemas/chain.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import type { Fault } from "#pipeline/auditor/finding.ts";
import { chainOf, linkOf, nameOf, type RecordRow } from "#pipeline/auditor/record-row.ts";

/** A GAP carries the hash that the next frame follows: the one type whose hash need not fit what it says. */
export const isGap = ({ eventType }: Pick<RecordRow, "eventType">): boolean => eventType === "GAP";

const hashFits = ({ envelope, envelopeText, bytes, prevHash, hash }: StoredFrame): boolean => {
  const { agent_uid: agentUid, epoch, seq, observed } = envelope;
  try {
    const link = { agentUid, epoch, seq, prevHash, observedNs: BigInt(observed), envelopeText, bytes };
    return chainHash({ ...link, erased: erasedDigest(bytes) }) === hash;
  } catch {
    return false; // a UID that is none, a number that fits no field
  }
};

/** Frames of the archive whose hash is not that of their own bytes and envelope; `rows` are the same frames. */
export const compareHashes = (frames: readonly StoredFrame[], rows: readonly RecordRow[]): Fault[] =>
  rows.flatMap((row, at): Fault[] => {
    const frame = frames[at];
    if (isGap(row) || frame === undefined || hashFits(frame)) return [];
    return [{ store: "archive", kind: "altered", subject: chainOf(row), place: row.place, what: nameOf(row) }];
  });

const linkBefore = (row: RecordRow): string => linkOf({ ...row, seq: row.seq - 1 });

/** Frames that follow one which is not among them. An epoch's first frame follows whatever the epoch resumed from. */
export const unlinkedIn = (rows: readonly RecordRow[]): RecordRow[] => {
  const there = new Set(rows.map(linkOf));
  return rows.filter((row) => row.seq > 1 && !there.has(linkBefore(row)));
};

/** A frame as far as what follows it must know it. */
export type ChainEnd = Pick<RecordRow, "agentUid" | "epoch" | "seq" | "hash">;

const lastSeqBefore = (row: RecordRow, ends: readonly ChainEnd[]): number =>
  ends.reduce((last, end) => (end.seq < row.seq && chainOf(end) === chainOf(row) ? Math.max(last, end.seq) : last), 0);

/**
 * Frames that do not follow the one before, or follow nothing. `before` are frames that stand before those of `unlinkedIn`: of a
 * place that is lost the last one before it. Two frames of one place, of which one is a GAP, are both there to follow.
 */
export const compareLinks = (rows: readonly RecordRow[], before: readonly ChainEnd[]): Fault[] => {
  const all: readonly ChainEnd[] = [...rows, ...before];
  const ends = Map.groupBy(all, (end) => JSON.stringify([chainOf(end), end.seq]));
  return rows.flatMap((row): Fault[] => {
    if (row.seq <= 1) return [];
    const fault = { store: "ledger", subject: chainOf(row), place: row.place } as const;
    const followed = ends.get(JSON.stringify([chainOf(row), row.seq - 1]));
    if (followed === undefined) {
      const from = lastSeqBefore(row, all) + 1;
      return [{ ...fault, kind: "missing", what: `frames ${from} to ${row.seq - 1}`, frames: row.seq - from }];
    }
    if (followed.some(({ hash }) => hash === row.prevHash)) return [];
    return [{ ...fault, kind: "unchained", what: nameOf(row) }];
  });
};
