import { countValues } from "#nervous-system/kernel/bounded-json.ts";
import { isDeeperThan } from "#nervous-system/kernel/nesting.ts";
import type { Attributes } from "./model.ts";

/** Members of a payload. */
export type Members = Record<string, unknown>;

/** Whether `value` is a JSON object. */
export const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);

/** A text that is not empty. */
export const textIn = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

// Values of OTLP are at most 32 deep; JSON in a text may be deeper than the stack of whoever walks it.
const MAX_DEPTH = 64;

// What the texts of one frame unfold to, in values: more would fit into no frame, and three bytes can stand for an object.
const MAX_UNFOLDED = 100_000;
// Of the frame that is being made: there is one at a time.
let unfolded = 0;

/** A new frame is made: its texts may unfold to as much as those of the one before. */
export const beginUnfolding = (): void => {
  unfolded = 0;
};

/** Parses JSON that may be none; undefined then, and where it is nested too deep or is too much beside what was unfolded before. */
const parseJson = (text: string): unknown => {
  const values = countValues(text, MAX_UNFOLDED - unfolded);
  if (unfolded + values > MAX_UNFOLDED) return undefined;
  unfolded += values;
  try {
    const value: unknown = JSON.parse(text);
    return isDeeperThan(value, MAX_DEPTH) ? undefined : value;
  } catch {
    return undefined;
  }
};

/** The object that a JSON text holds; undefined when it holds none. */
export const parseMembers = (text: string): Members | undefined => {
  if (!/^\s*\{/.test(text)) return undefined;
  const value = parseJson(text);
  return isMembers(value) ? value : undefined;
};

/** The value that a JSON text of a list or an object holds; any other value as it is. */
export const unfold = (value: unknown): unknown =>
  typeof value === "string" && /^\s*[[{]/.test(value) ? (parseJson(value) ?? value) : value;

/** The text that a JSON string holds; any other text as it is. */
export const textOfJson = (text: string): string => {
  const value = /^".*"$/s.test(text) ? parseJson(text) : undefined;
  return typeof value === "string" ? value : text;
};

/** A value as JSON can write it: bytes as base64, integers beyond 2^53 as decimal text, NaN and infinities as text. */
export const toJsonValue = (value: unknown): unknown => {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (Buffer.isBuffer(value)) return value.toString("base64");
  if (Array.isArray(value)) return value.map(toJsonValue);
  return isMembers(value) ? toMembers(value) : value;
};

/** Attributes as members of a payload. */
export const toMembers = (attributes: Attributes): Members =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, toJsonValue(value)]));

/** `{[name]: members}`, or nothing where there are none. */
export const unlessEmpty = (name: string, members: Members): Members =>
  Object.keys(members).length === 0 ? {} : { [name]: members };

/** The members that are not undefined. */
export const defined = (members: Members): Members =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
