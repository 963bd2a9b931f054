import { isUtf8 } from "node:buffer";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { newestPosition } from "#pipeline/archive-reader/newest-position.ts";
import {
  archiveStart,
  stepArchive,
  type ArchiveFault,
  type ArchivePosition,
} from "#pipeline/archive-reader/walk-archive.ts";
import { compareHashes, compareLinks, unlinkedIn } from "#pipeline/auditor/compare-chains.ts";
import {
  compareLedger,
  compareStrange,
  strangeRows,
  type Moment,
  type Span,
} from "#pipeline/auditor/compare-ledger.ts";
import { gatherFindings, type Fault } from "#pipeline/auditor/finding.ts";
import type { LedgerRows } from "#pipeline/auditor/ledger-rows.ts";
import { chainOf, keyOf, nameOf, rowOfFrame, type RecordRow } from "#pipeline/auditor/record-row.ts";
import { strangeBehind, unexplained, type RecordStores } from "#pipeline/auditor/strange-rows.ts";
import { isDue, isSettled, type StreamView } from "#pipeline/auditor/view.ts";
import type { Walk } from "#pipeline/auditor/walk.ts";
import { heldObjects } from "#pipeline/siphon/archive/held-objects.ts";
import type { Manifest } from "#pipeline/siphon/archive/manifest.ts";

/** How far the walk over archive and ledger has come. */
type RecordPosition = {
  readonly archive: ArchivePosition;
  /** Up to where rows of the ledger were looked at; undefined where the file before could not be read. */
  readonly upTo?: Moment | undefined;
};

/** The first and the last time that the ledger can tell. */
const BEGINNING: Moment = { storedNs: -2_208_988_800_000_000_000n, place: 0 };
const MAX_NS = 2n ** 63n - 1n;

const ofArchive = ({ kind, key, frames, message }: ArchiveFault): Fault => ({
  store: "archive",
  kind: kind === "unnamed" ? "unknown" : kind,
  subject: key,
  what: message,
  frames,
});

/** A file of the archive: its cut, its frames, and when the first and the last of them were stored. */
type File = {
  readonly cut: Manifest["cut"];
  readonly frames: readonly StoredFrame[];
  readonly first: bigint;
  readonly last: bigint;
};

const fileOf = (cut: Manifest["cut"], frames: readonly StoredFrame[]): File => {
  let [first, last] = [MAX_NS, 0n];
  for (const { storedNs } of frames) {
    if (storedNs < first) first = storedNs;
    if (storedNs > last) last = storedNs;
  }
  return { cut, frames, first, last };
};

/**
 * The part of the record's time whose rows a file must hold: from where those of the file before end. So each row of the ledger
 * is in one of them, wherever it stands and whatever else it says.
 */
const spanOf = ({ upTo }: RecordPosition, { cut, first, last }: File): Span => {
  const after = upTo ?? { storedNs: first, place: cut.from - 1 };
  return { after, upTo: last < after.storedNs ? after : { storedNs: last, place: cut.to } };
};

/** Erased frames that nobody ordered to be erased: who can write to the stores could hide anything so. */
const compareErased = async (
  ledger: LedgerRows,
  frames: readonly StoredFrame[],
  rows: readonly RecordRow[],
  signal: AbortSignal,
): Promise<Fault[]> => {
  const erased = rows.filter((_, at) => erasedDigest(frames[at]?.bytes ?? Buffer.of()) !== undefined);
  const ordered = new Set(await ledger.ordered(erased, signal));
  return erased.flatMap((row): Fault[] => {
    const what = `${nameOf(row)}, which nobody ordered to be erased`;
    return ordered.has(row)
      ? []
      : [{ store: "archive", kind: "altered", subject: chainOf(row), place: row.place, what }];
  });
};

/** Holds frames of a file against the ledger's rows of them, which may stand at other times, too. */
const compareFrames = async (
  { ledger }: RecordStores,
  { frames, rows, archived, inTime }: Looked,
  signal: AbortSignal,
): Promise<Fault[]> => {
  const there = new Set(inTime.map(keyOf));
  // What the stream stored again stands where it was stored last.
  const elsewhere = await ledger.ofFrames(
    archived.filter((row) => !there.has(keyOf(row))),
    signal,
  );
  const before = await ledger.before(unlinkedIn(rows), signal);
  return [
    ...compareHashes(frames, rows),
    ...compareLinks(rows, before),
    ...(await compareErased(ledger, frames, rows, signal)),
    ...compareLedger({ archived, rows: [...inTime, ...elsewhere] }),
  ];
};

/** A file's frames, as rows, those of them that the ledger takes, and the ledger's rows of their time. */
type Looked = {
  readonly frames: readonly StoredFrame[];
  readonly rows: readonly RecordRow[];
  readonly archived: readonly RecordRow[];
  readonly inTime: readonly RecordRow[];
};

const look = async ({ ledger }: RecordStores, file: File, span: Span, signal: AbortSignal): Promise<Looked> => {
  const { frames, first, last } = file;
  // The ledger refuses what is no UTF-8, and says so by a dead letter.
  const rows = frames.map(rowOfFrame);
  const archived = rows.filter((_, at) => isUtf8(frames[at]?.bytes ?? Buffer.of()));
  const from = span.after.storedNs < first ? span.after.storedNs : first;
  return { frames, rows, archived, inTime: await ledger.storedBetween(from, last, signal) };
};

/** Rows of a file's time of which the archive knows nothing. */
const compareTime = async (
  stores: RecordStores,
  { archived, inTime }: Looked,
  [span, reached]: readonly [Span, RecordPosition],
  signal: AbortSignal,
): Promise<Fault[]> => {
  const strange = strangeRows({ archived, rows: inTime }, span);
  return compareStrange(await unexplained(stores, strange, reached, signal), archived);
};

/** Rows of the ledger behind the end of the archive, although that is through the stream there. */
const compareBehind = async (
  stores: RecordStores,
  at: RecordPosition,
  view: StreamView,
  signal: AbortSignal,
): Promise<Fault[]> => {
  const strange = await strangeBehind(stores, at, view, signal);
  return compareStrange(await unexplained(stores, strange, at, signal), []);
};

/** Marks that are told, each a question a minute. */
const MOST_HELD = 500;

/** What was to be erased, and is locked. */
const findHeld = async ({ archive }: RecordStores): Promise<Fault[]> => {
  const found: Fault[] = [];
  for await (const { key, untilMs } of heldObjects(archive, MOST_HELD)) {
    const until = untilMs === undefined ? "a hold is lifted" : renderTimestamp(BigInt(untilMs) * 1_000_000n);
    found.push({ store: "archive", kind: "held", subject: key, what: `it was erased, and is locked until ${until}` });
  }
  return found;
};

/** The walk over the archive, file by file, and over all of the ledger's rows by when they were stored. */
export const createRecordWalk = (stores: RecordStores): Walk<RecordPosition> => {
  let newest = 0;
  return {
    name: "record",
    begin: { archive: archiveStart, upTo: BEGINNING },
    newest: async () => {
      const archive = await newestPosition(stores.archive, stores.keys);
      newest = Math.max(newest, archive.head.number);
      return { archive };
    },
    stride: async (at, view, signal) => {
      const { archive: client, keys } = stores;
      const options = { client, keys, newest, isDue: (key: string) => isDue(view, key) };
      const { manifest, content, faults, next } = await stepArchive(options, at.archive);
      const found = faults.map(ofArchive);
      if (next === undefined) {
        found.push(...(await compareBehind(stores, at, view, signal)));
        const isNew = at.archive.passed === undefined;
        if (isNew) found.push(...(await findHeld(stores)));
        const unit = isNew ? "what is new" : "the end";
        return { unit, findings: gatherFindings(found), bytes: 0, next: undefined };
      }
      if (manifest !== undefined && !isSettled(view, "ledger", manifest.cut)) return undefined;
      newest = Math.max(newest, next.head.number);
      const unit = `manifest ${next.head.number}`;
      const tell = (bytes: number, reached: RecordPosition) => {
        return { unit, findings: gatherFindings(found), bytes, next: reached };
      };
      // The frames of a revision were given where the file stood that it replaces.
      if (manifest?.replaces !== undefined) return tell(manifest.bytes, { ...at, archive: next });
      if (manifest === undefined || content === undefined) return tell(0, { archive: next });
      const file = fileOf(manifest.cut, content.frames);
      const span = spanOf(at, file);
      const reached = { archive: next, upTo: span.upTo };
      const looked = await look(stores, file, span, signal);
      found.push(...(await compareFrames(stores, looked, signal)));
      found.push(...(await compareTime(stores, looked, [span, reached], signal)));
      return tell(manifest.bytes, reached);
    },
  };
};
