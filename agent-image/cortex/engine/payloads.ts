import type { PayloadOf } from "#nervous-system/schemas/frames/catalog.ts";
import type { KnownChange } from "#nervous-system/imports/dependency-reader.ts";
import { boundText } from "../tools/bounded-text.ts";

/** Characters of one text in a frame: a frame holds 256 KiB, and JSON's escapes may take six bytes a character. */
export const maxTextChars = 24_000;

/** Characters and number of the names in a frame, which are others' to choose. */
export const maxNameChars = 256;
const mostNames = 32;

/** Names, few and short enough for a frame. */
export const boundNames = (names: readonly string[]): string[] =>
  names.slice(0, mostNames).map((name) => name.slice(0, maxNameChars).toWellFormed());

const boundDeep = (value: unknown): unknown => {
  if (typeof value === "string") return boundText(value, maxTextChars);
  if (Array.isArray(value)) return value.slice(0, 200).map(boundDeep);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, boundDeep(inner)]));
};

/** A value of any shape, small enough for a frame: long texts are cut; when that is not enough it becomes a cut JSON text. */
export const boundValue = (value: unknown): unknown => {
  const bounded = boundDeep(value);
  const text = JSON.stringify(bounded ?? null);
  return text.length <= maxTextChars * 3 ? bounded : boundText(text, maxTextChars);
};

/** The payload of a changed file; its diff stands in the frame, in `blob`, or is said to be left out. */
export const renderChange = (change: KnownChange, blob: string | undefined): PayloadOf<"STATE_CHANGE"> => {
  const patch = change.patch;
  const short = patch !== undefined && patch.length <= maxTextChars;
  const { dependsOn } = change;
  return {
    file_modified: change.path,
    change: change.change,
    ...(change.oldPath === undefined ? {} : { old_path: change.oldPath }),
    lines_added: change.added ?? 0,
    lines_removed: change.removed ?? 0,
    ...(dependsOn === undefined ? {} : { depends_on: [...dependsOn] }),
    ...(short ? { patch } : {}),
    ...(blob === undefined ? {} : { blob }),
    ...(short || blob !== undefined ? {} : { patch_omitted: "too long for a frame, and no blob could be stored" }),
  };
};
