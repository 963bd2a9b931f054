import { isExactNumber } from "#nervous-system/recorder/exact-json.ts";
import { isJsonObject } from "./fields.ts";

/** Characters of one text; JSON's escapes may take six bytes a character, and a frame holds 256 KiB. */
const MAX_TEXT_CHARS = 24_000;
const MAX_PAYLOAD_CHARS = 160_000;
const MAX_DEPTH = 40;
const MAX_ITEMS = 500;

const boundText = (text: string): string =>
  text.length <= MAX_TEXT_CHARS
    ? text.toWellFormed()
    : `${text.slice(0, MAX_TEXT_CHARS).toWellFormed()}… (${text.length} characters)`;

const boundDeep = (value: unknown, depth: number): unknown => {
  if (typeof value === "string") return boundText(value);
  if (typeof value !== "object" || value === null || isExactNumber(value)) return value;
  if (depth > MAX_DEPTH) return "…";
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((inner) => boundDeep(inner, depth + 1));
  const members = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(members.map(([name, inner]) => [boundText(name), boundDeep(inner, depth + 1)]));
};

/** A payload that fits into a frame: long texts are cut and say how long they were, then each member is a cut JSON text. */
export const boundPayload = (payload: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const bounded = boundDeep(payload, 0);
  if (!isJsonObject(bounded)) return {};
  if (Buffer.byteLength(JSON.stringify(bounded)) <= MAX_PAYLOAD_CHARS) return bounded;
  const room = Math.floor(MAX_TEXT_CHARS / 8);
  const cut = Object.entries(bounded).map(([name, value]) => {
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
    return [name, text.length <= room ? value : `${text.slice(0, room).toWellFormed()}… (${text.length} characters)`];
  });
  return Object.fromEntries(cut.slice(0, 50));
};
