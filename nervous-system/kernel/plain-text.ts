import { isJsonObject } from "#nervous-system/kernel/json-object.ts";

// Colours and movements of the cursor, whole; what they are made of is found only where they begin.
// oxlint-disable-next-line no-control-regex -- that they begin with one is what tells them
const sequence = /\u001b\[[0-9;:?]*[@-~]/g;
// What nobody sees and a model reads all the same: tag characters, variation selectors, fillers, marks of layout. Not the joiners and
// marks of direction that whole scripts need, nor the turners of direction below, nor the signs of category Cf that have a shape.
const unseen =
  /[[\p{Default_Ignorable_Code_Point}\p{Cf}]--[\u061c\u200c-\u200f\u202a-\u202e\u2066-\u2069\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]]/gv;
// Of those that whole scripts need one at a time: a run of them can spell words.
const runOfUnseen = /(?<=[\u061c\u200c-\u200f])[\u061c\u200c-\u200f]+/gu;
// The two separators begin a line for some readers.
const unprintable = /[^\P{Cc}\n\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** A text of somebody else's in which nothing is left that a terminal obeys, that nobody sees, or that turns the direction of reading; lines stay. */
export const plainText = (text: string): string =>
  text
    .replaceAll(unseen, "")
    .replaceAll(sequence, "")
    .replaceAll("\r\n", "\n")
    .replaceAll(runOfUnseen, "")
    .replaceAll(unprintable, "\ufffd");

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
