/** A text on one line: every run of white space is one blank. */
export const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

/** A text of at most `max` characters; what is cut is marked. */
export const cut = (text: string, max: number): string => (text.length <= max ? text : `${text.slice(0, max - 1)}…`);
