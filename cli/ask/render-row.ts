import { printable } from "../printable.ts";
import type { AnswerColumn, AnswerRow } from "./ask-reader.ts";

/** A row as JSON; what a terminal could obey is escaped, which leaves the value as it is. */
export const renderJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
};

/** A line of CSV as RFC 4180 has it, lists as JSON; for a terminal without what it could obey. */
export const renderCsv = (values: readonly unknown[], forTerminal: boolean): string =>
  values
    .map(cell)
    .map((text) => quoted(forTerminal ? printable(text) : text))
    .join(",");

/** The values of a row in the order of columns. */
export const valuesOf = (columns: readonly AnswerColumn[], row: AnswerRow): unknown[] =>
  columns.map(({ name }) => row[name]);
