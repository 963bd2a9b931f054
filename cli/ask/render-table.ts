import { printable } from "../printable.ts";
import type { AnswerColumn, AnswerRow } from "./ask-reader.ts";
import { displayWidth, fitted } from "./display-width.ts";

/** A table for people, and the names of the columns that the terminal has no room for. */
export type Table = { readonly lines: readonly string[]; readonly leftOut: readonly string[] };

const GAP = "  ";
/** The least that a text is cut to. */
const LEAST = 8;
/** The least that words are cut to while there are ids that could go in their place. */
const READABLE = 12;

/** A value in one line; times to the second, which is what people compare by. */
const shown = (value: unknown, kind: string): string => {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return printable(value.map(String).join(", "));
  if (kind === "time" && typeof value === "string") return printable(value.slice(0, 19).replace("T", " "));
  if (kind === "number" && typeof value === "number") return String(Number(value.toPrecision(6)));
  return printable(typeof value === "string" ? value : JSON.stringify(value));
};

const isText = ({ kind }: AnswerColumn): boolean => kind === "text" || kind === "texts";
/** What programs know things by; nobody reads them, and cut short they are good for nothing. */
const isId = (column: AnswerColumn): boolean =>
  isText(column) && /(?:^|_)(?:id|uid|hash|commit|manifest|sources|blobs|lessons)$/.test(column.name);
const isWords = (column: AnswerColumn): boolean => isText(column) && !isId(column);
const isNumber = ({ kind }: AnswerColumn): boolean => kind === "count" || kind === "number";

type Laid = { readonly column: AnswerColumn; readonly cells: readonly string[]; readonly width: number };

const takes = (laid: readonly Laid[]): number =>
  laid.reduce((sum, { width }) => sum + width, GAP.length * Math.max(0, laid.length - 1));

type Which = (column: AnswerColumn) => boolean;

const capped = (laid: readonly Laid[], most: number, which: Which): Laid[] =>
  laid.map((one) => (which(one.column) ? { ...one, width: Math.min(one.width, most) } : one));

/** Cuts columns alike, to `least` places or more; undefined where they do not fit so. */
const cut = (laid: readonly Laid[], width: number, which: Which, least: number): Laid[] | undefined => {
  if (takes(capped(laid, least, which)) > width) return undefined;
  let most = least;
  while (most < width && takes(capped(laid, most + 1, which)) <= width) most += 1;
  return capped(laid, most, which);
};

/** The columns within a width: ids are cut first, and go before words cannot be read; then long texts are cut, then the last columns go. */
const fit = (laid: readonly Laid[], width: number): readonly Laid[] => {
  if (takes(laid) <= width) return laid;
  const fitting = cut(laid, width, isId, LEAST) ?? cut(capped(laid, LEAST, isId), width, isWords, READABLE);
  if (fitting !== undefined) return fitting;
  const id = laid.findLastIndex(({ column }) => isId(column));
  if (laid.length > 1 && id >= 0) return fit(laid.toSpliced(id, 1), width);
  const narrow = cut(laid, width, isText, LEAST);
  if (narrow !== undefined) return narrow;
  return laid.length > 1 ? fit(laid.slice(0, -1), width) : capped(laid, width, isText);
};

const rendered = (text: string, { column, width }: Laid): string => {
  const own = displayWidth(text);
  return isNumber(column) && own < width ? " ".repeat(width - own) + text : fitted(text, width);
};

/** Lays rows out below their columns' names, within `width` places where there is a terminal. */
export const renderTable = (
  columns: readonly AnswerColumn[],
  rows: readonly AnswerRow[],
  width: number | undefined,
): Table => {
  const laid = columns.map((column): Laid => {
    const cells = rows.map((row) => shown(row[column.name], column.kind));
    return { column, cells, width: Math.max(...[column.name, ...cells].map(displayWidth)) };
  });
  const kept = width === undefined ? laid : fit(laid, width);
  const line = (texts: readonly string[]): string =>
    kept
      .map((one, n) => rendered(texts[n] ?? "", one))
      .join(GAP)
      .trimEnd();
  const heading = line(kept.map(({ column }) => column.name));
  const body = rows.map((_, n) => line(kept.map(({ cells }) => cells[n] ?? "")));
  const shownColumns = new Set(kept.map(({ column }) => column));
  const leftOut = columns.filter((column) => !shownColumns.has(column)).map(({ name }) => name);
  return { lines: [heading, ...body], leftOut };
};
