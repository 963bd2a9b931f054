/**
 * A text with line feeds for Unicode's ends of line: to a pattern these are a blank and an end of line at once, so that a run of
 * them costs its square.
 */
export const withPlainLines = (text: string): string => text.replaceAll(/[\u2028\u2029]/g, "\n");

// As the most tolerant reader has it: a name taken for one too many leaves calls unrecorded, a missed one sends them elsewhere.
const dotenvName = /^[^\w#\r\n]*(?:export\s+)?['"]?(\w+)['"]?\s*[=:](?=\s*['"`]|[^\S\r\n]*\S)/gm;

/** The names of the variables that a file such as `.env` sets. */
export const variablesOfDotenv = (text: string): string[] =>
  [...withPlainLines(text).matchAll(dotenvName)].map(([, name = ""]) => name);
