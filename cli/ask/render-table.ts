import { printable } from "../printable.ts";
import type { AnswerColumn, AnswerRow } from "./ask-reader.ts";
import { displayWidth, fitted } from "./display-width.ts";

/** A table for people, and the names of the columns that the terminal has no room for. */
export type Table = { readonly lines: readonly string[]; readonly leftOut: readonly string[] };

const GAP = "  ";
/** The least that a text is cut to. */
const LEAST = 8;

/** A value in one line; times to the second, which is what people compare by. */
const shown = (value: unknown, kind: string): string => {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return printable(value.map(String).join(", "));
  if (kind === "time" && typeof value === "string") return printable(value.slice(0, 19).replace("T", " "));
  if (kind === "number" && typeof value === "number") return String(Number(value.toPrecision(6)));
  return printable(typeof value === "string" ? value : JSON.stringify(value));
};

const isText = ({ kind }: AnswerColumn): boolean => kind === "text" || kind === "texts";
const isNumber = ({ kind }: AnswerColumn): boolean => kind === "count" || kind === "number";

type Laid = { readonly column: AnswerColumn; readonly cells: readonly string[]; readonly width: number };

const takes = (laid: readonly Laid[]): number =>
  laid.reduce((sum, { width }) => sum + width, GAP.length * Math.max(0, laid.length - 1));

const capped = (laid: readonly Laid[], most: number): Laid[] =>
  laid.map((one) => (isText(one.column) ? { ...one, width: Math.min(one.width, most) } : one));

/** The columns within a width: long texts are cut alike, and where that is not enough, the last columns go. */
const fit = (laid: readonly Laid[], width: number): readonly Laid[] => {
  if (takes(laid) <= width) return laid;
  const narrow = capped(laid, LEAST);
  if (takes(narrow) > width && laid.length > 1) return fit(laid.slice(0, -1), width);
  let most = LEAST;
  while (takes(capped(laid, most + 1)) <= width) most += 1;
  return capped(laid, most);
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
  return { lines: [heading, ...body], leftOut: columns.slice(kept.length).map(({ name }) => name) };
};
