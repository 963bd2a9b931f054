import { printable, printableJson } from "../printable.ts";
import type { AnswerColumn, AnswerRow } from "./ask-reader.ts";

/** What a terminal could obey, or what changes the order of the text that is seen; a text is of lines and tabs. */
const CONTROLS = /(?!\r\n|[\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** What a spreadsheet takes for the beginning of a formula, its full-width forms among it. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** A text that a spreadsheet shows and does not run (CWE-1236). */
const inert = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : printableJson(value);
};

const readable = (text: string, forTerminal: boolean): string =>
  forTerminal ? printable(text) : text.replaceAll(CONTROLS, "\ufffd");

/**
 * A line of CSV as RFC 4180 has it, lists as JSON, without what a terminal could obey, as a pipe may end in one; for a terminal
 * without line breaks too. A text that a spreadsheet would run as a formula has a ' before it; numbers stay as they are.
 */
export const renderCsv = (values: readonly unknown[], forTerminal: boolean): string =>
  values
    .map((value) => {
      const text = readable(cell(value), forTerminal);
      return quoted(typeof value === "string" ? inert(text) : text);
    })
    .join(",");

/** The values of a row in the order of columns. */
export const valuesOf = (columns: readonly AnswerColumn[], row: AnswerRow): unknown[] =>
  columns.map(({ name }) => row[name]);
