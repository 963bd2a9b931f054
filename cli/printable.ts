/** Control characters of others' words must not reach a terminal: they could move its cursor or change its title. */
export const printable = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll(/\p{C}/gu, "\ufffd");

/** Names as a list for people, the first `most` of them. */
export const listed = (names: readonly string[], most: number): string => {
  const first = names.slice(0, most).map(printable).join(", ");
  return names.length > most ? `${first} and ${names.length - most} more` : first;
};
