// A text without an end is one part too: else each quote in it would begin to look for the end.
const COMMENTS = /"(?:[^"\\\n]|\\.)*"?|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?/g;
const LAST_COMMAS = /"(?:[^"\\\n]|\\.)*"?|,\s{0,999}(?=[}\]])/g;

const without = (text: string, parts: RegExp): string =>
  text.replace(parts, (part) => (part.startsWith('"') ? part : " "));

/** Reads JSON with comments and a comma behind the last one, as tsconfig.json may have; undefined where it is something else. */
export const parseJsonc = (text: string): unknown => {
  try {
    return JSON.parse(without(without(text, COMMENTS), LAST_COMMAS));
  } catch {
    return undefined;
  }
};
