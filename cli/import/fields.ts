import { holdsTooMuch } from "#nervous-system/kernel/bounded-json.ts";
import { isJsonObject as isAnyObject, type JsonObject } from "#nervous-system/kernel/json-object.ts";
import { hasFragileNumbers, isExactNumber, parseExactJson } from "#nervous-system/recorder/exact-json.ts";

/** JSON of a session file, of which nothing is known for sure. */
export type Json = Readonly<Record<string, unknown>>;

const nothing: Json = {};

/** Whether numbers of a JSON text have to keep their spelling; each that does takes a hundred bytes, so not among a million. */
const isSpelled = (text: string): boolean => !holdsTooMuch(text) && hasFragileNumbers(text);

/**
 * The value of a JSON text; numbers that a double would change keep their spelling, where it holds no more than a million
 * values. Throws `SyntaxError` where it is none.
 */
export const parseJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text);
  try {
    return isSpelled(text) ? parseExactJson(text) : value;
  } catch {
    return value; // nested too deep for that
  }
};

/** Whether a value is an object of JSON, and no number that keeps its spelling. */
export const isJsonObject = (value: unknown): value is JsonObject => isAnyObject(value) && !isExactNumber(value);

/** The number at a name, as near as a double comes; undefined where there is none. */
export const numberAt = (value: Json, name: string): number | undefined => {
  const inner = value[name];
  if (isExactNumber(inner)) return Number(JSON.stringify(inner));
  return typeof inner === "number" ? inner : undefined;
};

/** The object at a name; an empty one where there is none. */
export const objectAt = (value: Json, name: string): Json => {
  const inner = value[name];
  return isJsonObject(inner) ? inner : nothing;
};

/** The text at a name; undefined where there is none, or an empty one. */
export const textAt = (value: Json, name: string): string | undefined => {
  const inner = value[name];
  return typeof inner === "string" && inner !== "" ? inner : undefined;
};

/** The whole number at a name that is not negative; undefined where there is none. */
export const countAt = (value: Json, name: string): number | undefined => {
  const inner = numberAt(value, name);
  return inner !== undefined && Number.isSafeInteger(inner) && inner >= 0 ? inner : undefined;
};

/** The objects in the list at a name. */
export const objectsAt = (value: Json, name: string): readonly Json[] => {
  const inner = value[name];
  return Array.isArray(inner) ? inner.filter(isJsonObject) : [];
};

/** Members without those that are undefined. */
export const known = (members: Json): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined));

/**
 * The text of content as models' providers write it: a text, or a list of parts, each with a `text`, of which the others are
 * named by their type in brackets.
 */
export const textOfContent = (content: unknown): string => {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return content === undefined || content === null ? "" : JSON.stringify(content);
  const parts = content.filter(isJsonObject).map((part) => {
    const { text, type } = part;
    return typeof text === "string" ? text : `[${typeof type === "string" ? type : "something else"}]`;
  });
  return parts.join("\n");
};
