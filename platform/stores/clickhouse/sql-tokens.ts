/** One lexical unit of SQL with its place in the text; `depth` counts the open brackets around it. */
export type Token = {
  readonly kind: "word" | "quoted" | "string" | "mark";
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
};

const WORD = /[A-Za-z0-9_\u0080-\uffff]+/y;
const BLANK = /(?:\s+|--[^\n]*|#[! ][^\n]*|\/\*[\s\S]*?(?:\*\/|$))+/y;
const STRING = /'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)/y;
const QUOTED = /`(?:[^`\\]|\\[\s\S]|``)*(?:`|$)|"(?:[^"\\]|\\[\s\S]|"")*(?:"|$)/y;
const HEREDOC = /\$([A-Za-z0-9_]*)\$[\s\S]*?(?:\$\1\$|$)/y;

const PATTERNS = [
  ["word", WORD],
  ["string", STRING],
  ["string", HEREDOC],
  ["quoted", QUOTED],
] as const;

const endOf = (pattern: RegExp, sql: string, at: number): number | undefined => {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : undefined;
};

const lexeme = (sql: string, at: number): { kind: Token["kind"]; end: number } => {
  for (const [kind, pattern] of PATTERNS) {
    const end = endOf(pattern, sql, at);
    if (end !== undefined) return { kind, end };
  }
  return { kind: "mark", end: at + 1 };
};

/** Splits ClickHouse SQL into tokens, lazily, because the data of an INSERT follows its text and is not SQL. */
export function* tokensOf(sql: string): Generator<Token> {
  let depth = 0;
  let at = endOf(BLANK, sql, 0) ?? 0;
  while (at < sql.length) {
    const { kind, end } = lexeme(sql, at);
    const text = sql.slice(at, end);
    if (kind === "mark" && ")]}".includes(text)) depth -= 1;
    yield { kind, text, start: at, end, depth };
    if (kind === "mark" && "([{".includes(text)) depth += 1;
    at = endOf(BLANK, sql, end) ?? end;
  }
}

/** Whether a token is the given keyword, in any case of letters. */
export const isWord = (token: Token | undefined, word: string): boolean =>
  token?.kind === "word" && token.text.toUpperCase() === word;
