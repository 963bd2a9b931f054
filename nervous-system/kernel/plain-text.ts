import { isJsonObject } from "#nervous-system/kernel/json-object.ts";

// Colours and movements of the cursor, whole; what they are made of is found only where they begin.
// oxlint-disable-next-line no-control-regex -- that they begin with one is what tells them
const sequence = /\u001b\[[0-9;:?]*[@-~]/g;
// The two separators begin a line for some readers.
const unprintable = /[^\P{Cc}\n\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A text of somebody else's in which nothing is left that a terminal obeys, or that turns the direction of reading; lines stay. */
export const plainText = (text: string): string =>
  text.replaceAll(sequence, "").replaceAll("\r\n", "\n").replaceAll(unprintable, "\ufffd");

/** JSON with each of its texts plain; names of members are not looked at. */
export const withPlainTexts = <T>(value: T): T => {
  const plain = (one: unknown): unknown => {
    if (typeof one === "string") return plainText(one);
    if (Array.isArray(one)) return one.map(plain);
    if (!isJsonObject(one)) return one;
    return Object.fromEntries(Object.entries(one).map(([name, member]) => [name, plain(member)]));
  };
  return plain(value) as T;
};
