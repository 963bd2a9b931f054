/**
 * What a parameter takes: `text` as it is; `words`, each of which must occur; `since` and `until` a moment, the first that counts
 * and the first that does not any more; `count` a whole number.
 */
export type ParameterKind = "text" | "words" | "since" | "until" | "count";

/** A parameter of a question, as help texts and whoever checks its value know it. */
export type Parameter = {
  readonly kind: ParameterKind;
  readonly description: string;
  /** Whether the question cannot be asked without it; else what is not given leaves nothing out. */
  readonly required?: true;
};

/** What stands in a column: `time` is RFC 3339 in UTC, it and `number` may be null, `texts` is a list. */
export type ColumnKind = "text" | "texts" | "time" | "count" | "number" | "flag";

/** A column of an answer. */
export type Column = { readonly kind: ColumnKind; readonly description: string };

/** Frames that an answer leaves out. */
export type LeftOut = { readonly type: string; readonly what: string };

/** A question that the stores answer, by name: what it asks, what it needs to know, and what an answer's rows hold. */
export type Question = {
  readonly name: string;
  /** One sentence. */
  readonly asks: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** In the order of printing. */
  readonly columns: Readonly<Record<string, Column>>;
  /** Frames that are about the same and stand in no row: their type, and what they tell. Whoever prints an answer says so where there are any. */
  readonly leavesOut?: LeftOut;
  /** The parameter that goes on behind the last row of an answer, and the column that says where that is. */
  readonly goesOn?: { readonly parameter: string; readonly column: string };
};

/** Longest text of a parameter, characters. */
export const MAX_TEXT = 1024;
/** Most words of a parameter. */
export const MAX_WORDS = 16;
/** Rows of an answer where nobody says how many. */
export const DEFAULT_ROWS = 100;
/** Most rows of an answer. */
export const MAX_ROWS = 10_000;

const column =
  (kind: ColumnKind) =>
  (description: string): Column => ({ kind, description });

/** A column of text; empty where there is none. */
export const text = column("text");
/** A column of lists of text. */
export const texts = column("texts");
/** A column of times, null where there is none. */
export const time = column("time");
/** A column of whole numbers from 0. */
export const count = column("count");
/** A column of numbers, null where there is none. */
export const number = column("number");
/** A column of true and false. */
export const flag = column("flag");

/** A parameter that must be given. */
export const needed = (kind: ParameterKind, description: string): Parameter => ({ kind, description, required: true });
/** A parameter that may be left out. */
export const optional = (kind: ParameterKind, description: string): Parameter => ({ kind, description });

/** The parameters of every question that can be asked of a part of time. */
export const period = {
  from: optional("since", "only what was recorded at this time or later"),
  to: optional("until", "only what was recorded before this time"),
} as const;
