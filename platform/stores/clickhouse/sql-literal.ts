const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "'": "\\'", "\0": "\\0" };

/** A SQL string literal that stands for exactly this text. */
export const stringLiteral = (text: string): string => `'${text.replace(/[\\'\0]/g, (c) => ESCAPES[c] ?? c)}'`;

/** A quoted identifier. */
export const identifier = (name: string): string => `\`${name.replace(/[\\`]/g, (c) => `\\${c}`)}\``;
