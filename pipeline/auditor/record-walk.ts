import { isUtf8 } from "node:buffer";
import { chunkOf, placeOf } from "#nervous-system/comms/nats/place.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { newestPosition } from "#pipeline/archive-reader/newest-position.ts";
import {
  archiveStart,
  stepArchive,
  type ArchiveFault,
  type ArchivePosition,
} from "#pipeline/archive-reader/walk-archive.ts";
import { compareHashes, compareLinks, unlinkedIn } from "#pipeline/auditor/compare-chains.ts";
import { compareLedger, type StreamRange } from "#pipeline/auditor/compare-ledger.ts";
import { gatherFindings, type Fault } from "#pipeline/auditor/finding.ts";
import type { LedgerRows } from "#pipeline/auditor/ledger-rows.ts";
import { keyOf, rowOfFrame } from "#pipeline/auditor/record-row.ts";
import { finishedBy, isDue, isSettled, type StreamView } from "#pipeline/auditor/view.ts";
import type { Walk } from "#pipeline/auditor/walk.ts";
import type { Manifest } from "#pipeline/siphon/archive/manifest.ts";
import { dayOfFrame } from "#pipeline/siphon/ledger/row.ts";

/** How far the walk over archive and ledger has come. */
type RecordPosition = {
  readonly archive: ArchivePosition;
  /** When the last frame of the file before was stored; undefined where that is not known. */
  readonly storedNs?: bigint | undefined;
};

/** The two stores that hold every frame. */
type RecordStores = { readonly archive: Pick<ObjectClient, "list" | "get" | "size">; readonly ledger: LedgerRows };

/** The last time that the ledger can tell. */
const MAX_NS = 2n ** 63n - 1n;

const ofArchive = ({ kind, key, frames, message }: ArchiveFault): Fault => ({
  store: "archive",
  kind: kind === "unnamed" ? "unknown" : kind,
  subject: key,
  what: message,
  frames,
});

/** Whether nothing can stand between two cuts of one stream. */
const follows = (before: Manifest["cut"], { from }: Manifest["cut"]): boolean =>
  from <= before.to + 1 || from === placeOf(chunkOf(before.to) + 1, 0);

/** The cut before, where the archive may lack what stood behind it: a message that is poison leaves such a hole, too. */
const beforeHole = (at: RecordPosition, cut: Manifest["cut"]): { to: number; storedNs: bigint } | undefined => {
  const before = at.archive.manifest?.cut;
  if (before?.stream !== cut.stream || at.storedNs === undefined || follows(before, cut)) return undefined;
  return { to: before.to, storedNs: at.storedNs };
};

const storedIn = (frames: readonly StoredFrame[]): { first: bigint; last: bigint } =>
  frames.reduce(
    ({ first, last }, { storedNs }) => ({
      first: storedNs < first ? storedNs : first,
      last: storedNs > last ? storedNs : last,
    }),
    { first: MAX_NS, last: 0n },
  );

const compareFile = async (
  { ledger }: RecordStores,
  frames: readonly StoredFrame[],
  [range, days]: readonly [StreamRange, string[] | undefined],
  signal: AbortSignal,
): Promise<Fault[]> => {
  const rows = frames.map(rowOfFrame);
  // The ledger refuses what is no UTF-8, and says so by a dead letter.
  const archived = rows.filter((_, at) => isUtf8(frames[at]?.bytes ?? Buffer.of()));
  const inRange = await ledger.inRange(range, days, signal);
  const there = new Set(inRange.map(keyOf));
  // What the stream stored again stands where it was stored last.
  const elsewhere = await ledger.ofFrames(
    archived.filter((row) => !there.has(keyOf(row))),
    signal,
  );
  const before = await ledger.before(unlinkedIn(rows), signal);
  return [
    ...compareHashes(frames, rows),
    ...compareLinks(rows, before),
    ...compareLedger({ archived, rows: [...inRange, ...elsewhere], range }),
  ];
};

/** Where to look in the ledger for what the file of a cut holds, and for what it lacks. */
const rangeOf = (at: RecordPosition, cut: Manifest["cut"], frames: readonly StoredFrame[]) => {
  const { first, last } = storedIn(frames);
  const hole = beforeHole(at, cut);
  const [from, storedFromNs] = hole === undefined ? [cut.from, first] : [hole.to + 1, hole.storedNs];
  const days = hole === undefined ? [...new Set(frames.map(({ envelope }) => dayOfFrame(envelope)))] : undefined;
  return [{ from, to: cut.to, storedFromNs, storedToNs: last }, days] as const;
};

/** Rows of the ledger behind the end of the archive, although the archive is through the stream there. */
const compareBehind = async (
  { ledger }: RecordStores,
  { archive: { manifest }, storedNs }: RecordPosition,
  view: StreamView,
  signal: AbortSignal,
): Promise<Fault[]> => {
  const last = manifest?.cut.stream === view.created ? manifest.cut.to : 0;
  const finished = finishedBy(view, "archive");
  if (finished <= chunkOf(last)) return [];
  const createdNs = parseTimestampNs(view.created) ?? 0n;
  const storedFromNs = (last > 0 ? storedNs : undefined) ?? createdNs;
  const range = { from: last + 1, to: placeOf(finished + 1, 0) - 1, storedFromNs, storedToNs: MAX_NS };
  const rows = await ledger.inRange(range, undefined, signal);
  return compareLedger({ archived: [], rows, range });
};

/** The walk over the archive, file by file, and over the ledger's rows of the same places. */
export const createRecordWalk = (stores: RecordStores): Walk<RecordPosition> => {
  let newest = 0;
  return {
    name: "record",
    begin: { archive: archiveStart },
    newest: async () => {
      const archive = await newestPosition(stores.archive);
      newest = Math.max(newest, archive.head.number);
      return { archive };
    },
    stride: async (at, view, signal) => {
      const options = { client: stores.archive, newest, isDue: (key: string) => isDue(view, key) };
      const { manifest, content, faults, next } = await stepArchive(options, at.archive);
      const found = faults.map(ofArchive);
      if (next === undefined) {
        found.push(...(await compareBehind(stores, at, view, signal)));
        const unit = at.archive.passed === undefined ? "what is new" : "the end";
        return { unit, findings: gatherFindings(found), bytes: 0, next: undefined };
      }
      if (manifest !== undefined && !isSettled(view, "ledger", manifest.cut)) return undefined;
      newest = Math.max(newest, next.head.number);
      const unit = `manifest ${next.head.number}`;
      if (manifest?.replaces !== undefined)
        return { unit, findings: gatherFindings(found), bytes: manifest.bytes, next: { ...at, archive: next } };
      if (manifest === undefined || content === undefined)
        return { unit, findings: gatherFindings(found), bytes: 0, next: { archive: next } };
      const { frames } = content;
      found.push(...(await compareFile(stores, frames, rangeOf(at, manifest.cut, frames), signal)));
      const storedNs = storedIn(frames).last;
      return { unit, findings: gatherFindings(found), bytes: manifest.bytes, next: { archive: next, storedNs } };
    },
  };
};
