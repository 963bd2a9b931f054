import { isGap } from "#pipeline/auditor/compare-chains.ts";
import type { Fault } from "#pipeline/auditor/finding.ts";
import { chainOf, isSame, keyOf, linkOf, nameOf, type RecordRow } from "#pipeline/auditor/record-row.ts";

/** A row of the ledger, with what of its key in the table a frame's key does not say. */
export type LedgerRow = RecordRow & { readonly namespace: string; readonly day: string; readonly missionUid: string };

/** A part of one stream: of places in order, and of the time in which what stands there was stored. */
export type StreamRange = {
  readonly from: number;
  readonly to: number;
  readonly storedFromNs: bigint;
  readonly storedToNs: bigint;
};

/** Frames of the archive and the rows that the ledger has of them and of their range of the stream. */
export type Compared = {
  readonly archived: readonly RecordRow[];
  /** Every version of each row, merged or not. */
  readonly rows: readonly LedgerRow[];
  readonly range: StreamRange;
};

const tableKey = (row: LedgerRow): string => JSON.stringify([keyOf(row), row.namespace, row.day, row.missionUid]);

/** What anybody sees of the rows: of each key of the table the version that was stored last; two where they are as late as each other. */
const visibleRows = (rows: readonly LedgerRow[]): LedgerRow[] =>
  [...Map.groupBy(rows, tableKey).values()].flatMap((versions) => {
    const newest = versions.reduce((last, { storedNs }) => (storedNs > last ? storedNs : last), 0n);
    const shown = versions.filter(({ storedNs }) => storedNs === newest);
    return shown.filter((row, at) => shown.findIndex((other) => isSame(row, other)) === at);
  });

const faultOf = (store: Fault["store"], kind: Fault["kind"], row: RecordRow): Fault => ({
  store,
  kind,
  subject: chainOf(row),
  place: row.place,
  what: nameOf(row),
});

/** An external client's event that was sent again is observed anew: what came last stands for it. */
const isSuperseded = (archived: RecordRow, shown: RecordRow): boolean =>
  archived.seq === 0 && shown.storedNs > archived.storedNs;

const compareFrame = (archived: RecordRow, shown: readonly LedgerRow[]): Fault[] => {
  if (shown.length === 0) return [faultOf("ledger", "missing", archived)];
  const isRight = shown.every((row) => isSame(archived, row) || isSuperseded(archived, row));
  return isRight ? [] : [faultOf("ledger", "altered", archived)];
};

/** Of a place in a chain only one row may be seen. A GAP that took the place of a frame which was lost then stands beside it. */
const compareDoubles = (shown: readonly LedgerRow[]): Fault[] =>
  [...Map.groupBy(shown, linkOf).values()].flatMap((rows) => {
    const others = new Map(rows.filter((row) => !isGap(row)).map((row) => [tableKey(row), row]));
    return [...others.values()].slice(1).map((row) => faultOf("ledger", "doubled", row));
  });

const isWithin = ({ place, storedNs }: RecordRow, { from, to, storedFromNs, storedToNs }: StreamRange): boolean =>
  place >= from && place <= to && storedNs >= storedFromNs && storedNs <= storedToNs;

/** Compares archive and ledger frame by frame over a range that both have settled. */
export const compareLedger = ({ archived, rows, range }: Compared): Fault[] => {
  const shown = visibleRows(rows);
  const shownByKey = Map.groupBy(shown, keyOf);
  const links = new Set(archived.map(linkOf));
  const strange = shown.filter((row) => isWithin(row, range) && !links.has(linkOf(row)));
  return [
    ...archived.flatMap((row) => compareFrame(row, shownByKey.get(keyOf(row)) ?? [])),
    ...compareDoubles(shown),
    ...strange.map((row) => faultOf("archive", "missing", row)),
  ];
};
