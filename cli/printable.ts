/** Control characters of others' words must not reach a terminal: they could move its cursor or change its title. */
export const printable = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll(/\p{C}/gu, "\ufffd");

/** The same of one line that is laid out: its spaces stay. */
export const printableLine = (line: string): string => line.replaceAll(/[^\S ]+/g, " ").replaceAll(/\p{C}/gu, "\ufffd");

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * A value as one line of JSON. What a terminal could obey is escaped, and so is what changes the order of the text that is seen:
 * the value stays as it is.
 */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (control) =>
    control.split("").map(escaped).join(""),
  );

/** Names as a list for people, the first `most` of them. */
export const listed = (names: readonly string[], most: number): string => {
  const first = names.slice(0, most).map(printable).join(", ");
  return names.length > most ? `${first} and ${names.length - most} more` : first;
};
