import { printable, printableJson } from "../printable.ts";
import type { AnswerColumn, AnswerRow } from "./ask-reader.ts";

/** What a terminal could obey, or what changes the order of the text that is seen; a text is of lines and tabs. */
const CONTROLS = /(?!\r\n|[\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : printableJson(value);
};

/**
 * A line of CSV as RFC 4180 has it, lists as JSON, without what a terminal could obey, as a pipe may end in one; for a terminal
 * without line breaks too.
 */
export const renderCsv = (values: readonly unknown[], forTerminal: boolean): string =>
  values
    .map(cell)
    .map((text) => quoted(forTerminal ? printable(text) : text.replaceAll(CONTROLS, "\ufffd")))
    .join(",");

/** The values of a row in the order of columns. */
export const valuesOf = (columns: readonly AnswerColumn[], row: AnswerRow): unknown[] =>
  columns.map(({ name }) => row[name]);
