// Numbers that a double cannot hold, or would write differently (1.0, 1e3, 12345678901234567890), keep their own spelling.
// The standard's `JSON.rawJSON` and the reviver's source text do it; TypeScript's library does not declare them yet.
type RawJson = { rawJSON(text: string): unknown; isRawJSON?(value: unknown): boolean };
type WithSource = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

const mayChange = /\d{16}|\d\.\d|\d[eE]|-0/;
// Every number of a JSON text, and what looks like one in its strings.
const numbers = /[[:,]\s*(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[\s,\]}])/g;

const keepSpelling: WithSource = (_key, value, { source }) => {
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return (JSON as unknown as RawJson).rawJSON(source);
};

/** Whether writing the parsed object `text` again could spell a number differently. */
export const hasFragileNumbers = (text: string): boolean => {
  if (!mayChange.test(text)) return false;
  for (const [, spelling] of text.matchAll(numbers)) if (String(Number(spelling)) !== spelling) return true;
  return false;
};

/** Parses JSON so that `JSON.stringify` writes every number as it stood; such numbers are opaque objects meanwhile. */
export const parseExactJson = (text: string): unknown =>
  JSON.parse(text, keepSpelling as (key: string, value: unknown) => unknown);

/** Whether a value is a number that keeps its own spelling; an engine that cannot make one (Node 20) has none. */
export const isExactNumber = (value: unknown): boolean => (JSON as unknown as RawJson).isRawJSON?.(value) === true;

/** Of numbers only whole ones that a double may change: 1.0 is 1 to programs that count. */
const keepDigits: WithSource = (_key, value, { source = "" }) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? (JSON as unknown as RawJson).rawJSON(source)
    : value;

/**
 * Parses JSON whose numbers are read, and written again: only a whole number beyond 2^53 is such an object, the others are numbers.
 * A text that is nothing but a number is one, and where lists and objects lie in each other too deeply for the rest, all are.
 */
export const parseExactIntegers = (text: string): unknown => {
  const value: unknown = JSON.parse(text);
  if (!/\d{16}/.test(text)) return value;
  try {
    const exact: unknown = JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown);
    return isExactNumber(exact) ? value : exact;
  } catch {
    return value;
  }
};
