/** What a terminal shows in two places. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
/** What stands on the character before it. */
const mark = /\p{M}/u;

const ofCharacter = (character: string): number => (mark.test(character) ? 0 : wide.test(character) ? 2 : 1);

/** How many places of a terminal a text takes. */
export const displayWidth = (text: string): number => {
  // oxlint-disable-next-line no-control-regex -- that is what ASCII is
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += ofCharacter(character);
  return width;
};

/** A text of exactly `width` places: filled up with blanks, or cut with a mark. */
export const fitted = (text: string, width: number): string => {
  const own = displayWidth(text);
  if (own <= width) return text + " ".repeat(width - own);
  let kept = "";
  let places = 0;
  for (const character of text) {
    const next = places + ofCharacter(character);
    if (next > width - 1) break;
    kept += character;
    places = next;
  }
  return `${kept}…${" ".repeat(Math.max(0, width - 1 - places))}`;
};
