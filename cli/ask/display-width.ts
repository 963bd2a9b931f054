/** What a terminal shows in two places. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
/** What stands on the character before it, or takes no place at all. */
const mark = /[\p{M}\u1160-\u11ff\u200b-\u200f\u2060\ufeff]/u;
/** An emoji of several characters: a flag, a family, or one that is an emoji by what follows it. */
const emoji = /\ufe0f|\p{Emoji_Presentation}/u;

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

const ofCharacter = (character: string): number => (mark.test(character) ? 0 : wide.test(character) ? 2 : 1);

const ofGrapheme = (grapheme: string): number => {
  if (emoji.test(grapheme)) return 2;
  let width = 0;
  for (const character of grapheme) width += ofCharacter(character);
  return width;
};

/** How many places of a terminal a text takes. */
export const displayWidth = (text: string): number => {
  // oxlint-disable-next-line no-control-regex -- that is what ASCII is
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += ofGrapheme(segment);
  return width;
};

/** A text of exactly `width` places: filled up with blanks, or cut with a mark. */
export const fitted = (text: string, width: number): string => {
  const own = displayWidth(text);
  if (own <= width) return text + " ".repeat(width - own);
  let kept = "";
  let places = 0;
  for (const { segment } of segmenter.segment(text)) {
    const next = places + ofGrapheme(segment);
    if (next > width - 1) break;
    kept += segment;
    places = next;
  }
  return `${kept}…${" ".repeat(Math.max(0, width - 1 - places))}`;
};
