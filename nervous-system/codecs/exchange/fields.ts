import { holdsTooMuch, parseBoundedJson } from "#nervous-system/kernel/bounded-json.ts";
import { parseOutline } from "#nervous-system/kernel/json-outline.ts";

/** Members of a JSON object whose shape nobody promised. */
export type Fields = Readonly<Record<string, unknown>>;

/** A value as an object to look into; without members where it is none. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};

/** A value as a list; empty where it is none. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The value at a path of member names and places; undefined where the path leads nowhere. */
export const memberAt = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce((inner, name) => fieldsOf(inner)[name], value);

/** The first of `values` that is a text and not empty. */
export const textOf = (...values: readonly unknown[]): string | undefined =>
  values.find((value): value is string => typeof value === "string" && value !== "");

/** A text or number as text; empty for anything else, which may be nested too deep to be written. */
export const wordOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";

/** The first of `values` that is a count, zero or more. */
export const countOf = (...values: readonly unknown[]): number | undefined =>
  values.find((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);

/** A copy without the members that are undefined. */
export const presentOf = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** A text without the byte order mark that some servers begin with. */
export const withoutMark = (text: string): string => (text.startsWith("\uFEFF") ? text.slice(1) : text);

/** The value that a JSON text holds; undefined where it holds none, or too much. */
export const parseJson = (text: string): unknown => {
  try {
    return parseBoundedJson(withoutMark(text));
  } catch {
    return undefined;
  }
};

/** The same of what is only read: of a text that holds too much, what is small in it. */
export const parseJsonOrOutline = (text: string): unknown => {
  if (!holdsTooMuch(text)) return parseJson(text);
  try {
    return parseOutline(withoutMark(text));
  } catch {
    return undefined;
  }
};
