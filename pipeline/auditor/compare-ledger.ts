import { isGap } from "#pipeline/auditor/compare-chains.ts";
import type { Fault } from "#pipeline/auditor/finding.ts";
import { chainOf, isBeside, isSame, keyOf, linkOf, nameOf, type RecordRow } from "#pipeline/auditor/record-row.ts";

/** When a frame was stored, and its place in the stream of that time: every row of the ledger has its own. */
export type Moment = { readonly storedNs: bigint; readonly place: number };

/** A part of the record's time. */
export type Span = { readonly after: Moment; readonly upTo: Moment };

/** Frames of the archive, and rows of the ledger: every version of each, merged or not. */
export type Compared = { readonly archived: readonly RecordRow[]; readonly rows: readonly RecordRow[] };

/** Whether a moment is behind another. */
const isBehind = (a: Moment, b: Moment): boolean =>
  a.storedNs > b.storedNs || (a.storedNs === b.storedNs && a.place > b.place);

const tableKey = (row: RecordRow): string => JSON.stringify([keyOf(row), row.namespace, row.day, row.missionUid]);

const wordsOf = (row: RecordRow): string =>
  JSON.stringify([row.hash, row.prevHash, row.envelope, row.frame, row.eventType, row.columns, row.place]);

const newestOf = (versions: readonly RecordRow[]): RecordRow[] => {
  const [first, ...others] = versions;
  if (first === undefined) return [];
  const newest = others.reduce((last, { storedNs }) => (storedNs > last ? storedNs : last), first.storedNs);
  return versions.filter(({ storedNs }) => storedNs === newest);
};

/** What anybody sees of the rows: of each key of the table the version that was stored last; two where they are as late as each other. */
const visibleRows = (rows: readonly RecordRow[]): RecordRow[] =>
  [...Map.groupBy(rows, tableKey).values()].flatMap((versions) => [
    ...new Map(newestOf(versions).map((row) => [wordsOf(row), row])).values(),
  ]);

const faultOf = (
  store: Fault["store"],
  kind: Fault["kind"],
  row: RecordRow,
  what: (name: string) => string = (name) => name,
): Fault => ({ store, kind, subject: chainOf(row), place: row.place, what: what(nameOf(row)) });

/** An external client's event that was sent again is observed anew: what came last stands for it. */
const isSuperseded = (archived: RecordRow, shown: RecordRow): boolean =>
  archived.seq === 0 && shown.storedNs > archived.storedNs;

/** A frame that was stored again stands where it was stored last. */
const isInPlace = (archived: RecordRow, shown: RecordRow): boolean =>
  shown.storedNs > archived.storedNs || (shown.storedNs === archived.storedNs && shown.place === archived.place);

const compareFrame = (archived: RecordRow, shown: readonly RecordRow[]): Fault[] => {
  const [other] = shown;
  if (other === undefined) return [faultOf("ledger", "missing", archived)];
  const current = shown.filter((row) => !isSuperseded(archived, row));
  if (current.length === 0) return [];
  // What stands under another key beside the right one is told as doubled.
  const beside = current.filter((row) => isBeside(archived, row));
  if (beside.length === 0) {
    const { namespace, missionUid, day } = other;
    const where = JSON.stringify([namespace, missionUid, day]);
    return [faultOf("ledger", "altered", archived, (name) => `${name}, which stands under ${where.slice(0, 500)}`)];
  }
  if (!beside.every((row) => isSame(archived, row))) return [faultOf("ledger", "altered", archived)];
  if (!beside.every((row) => row.columns === archived.columns && isInPlace(archived, row)))
    return [faultOf("ledger", "altered", archived, (name) => `columns of ${name}`)];
  return [];
};

/** Of a place in a chain only one row may be seen. A GAP that took the place of a frame which was lost then stands beside it. */
const compareDoubles = (shown: readonly RecordRow[]): Fault[] =>
  [...Map.groupBy(shown, linkOf).values()].flatMap((rows) => {
    const others = new Map(rows.filter((row) => !isGap(row)).map((row) => [tableKey(row), row]));
    return [...others.values()].slice(1).map((row) => faultOf("ledger", "doubled", row));
  });

const storing = (row: RecordRow): string => `${row.storedNs} ${linkOf(row)}`;

/** Rows that say that they were stored in this span, of whose storing the archive's frames of it know nothing. */
export const strangeRows = ({ archived, rows }: Compared, { after, upTo }: Span): RecordRow[] => {
  const storings = new Set(archived.map(storing));
  return visibleRows(rows).filter((row) => isBehind(row, after) && !isBehind(row, upTo) && !storings.has(storing(row)));
};

/** What is said of strange rows: of a frame that stands there under another time the row was changed, else the archive lacks it. */
export const compareStrange = (strange: readonly RecordRow[], archived: readonly RecordRow[]): Fault[] => {
  const frames = new Map(archived.map((row) => [linkOf(row), row]));
  return strange.flatMap((row) => {
    const frame = frames.get(linkOf(row));
    if (frame === undefined) return [faultOf("archive", "missing", row)];
    // A row of a chain that says something else, or stands elsewhere, is told so already.
    const isTold = row.seq > 0 && !(isSame(frame, row) && isBeside(frame, row));
    return isTold ? [] : [faultOf("ledger", "altered", row, (name) => `time of ${name}`)];
  });
};

/** Compares the archive's frames with the ledger's rows of them, frame by frame; both stores have settled them. */
export const compareLedger = ({ archived, rows }: Compared): Fault[] => {
  const shown = visibleRows(rows);
  const shownByKey = Map.groupBy(shown, keyOf);
  return [...archived.flatMap((row) => compareFrame(row, shownByKey.get(keyOf(row)) ?? [])), ...compareDoubles(shown)];
};
