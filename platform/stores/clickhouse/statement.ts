import { ClickHouseException } from "./exception.ts";
import { stringLiteral } from "./sql-literal.ts";
import { isWord, tokensOf, type Token } from "./sql-tokens.ts";

/** A statement that answers rows: the text around the place where its output file is named. */
export type Select = {
  readonly kind: "select";
  readonly before: string;
  readonly format?: string;
  readonly after: string;
};

/** A statement that answers little or nothing and runs as it is. */
export type Command = {
  readonly kind: "command";
  readonly sql: string;
  readonly insert: boolean;
  readonly format?: string;
};

/** What a request asks the engine to do, apart from an INSERT whose data travels in the request. */
export type Statement = Select | Command;

// Only these write their rows into a file of the engine's own accord; everything else answers a few rows at most.
const STREAMED = new Set(["SELECT", "WITH", "FROM", "(", "DESCRIBE", "DESC", "EXISTS"]);

const refuse = (message: string): never => {
  throw new ClickHouseException(62, "SYNTAX_ERROR", message);
};

const endOfStatement = (tokens: readonly Token[]): number => {
  const semicolon = tokens.findIndex((token) => token.text === ";" && token.depth === 0);
  if (semicolon === -1) return tokens.length;
  if (tokens.slice(semicolon).some((token) => token.text !== ";"))
    refuse("Syntax error (Multi-statements are not allowed): send one statement a request");
  return semicolon;
};

// `FORMAT name` counts only as the last clause or before SETTINGS: a column may be called format.
const formatClause = (tokens: readonly Token[]): number | undefined => {
  const at = tokens.findLastIndex(
    (token, i) =>
      isWord(token, "FORMAT") &&
      token.depth === 0 &&
      i > 0 &&
      tokens[i + 1]?.kind === "word" &&
      (tokens[i + 2] === undefined || isWord(tokens[i + 2], "SETTINGS")),
  );
  return at === -1 ? undefined : at;
};

const hasOutfile = (tokens: readonly Token[]): boolean =>
  tokens.some((token, i) => token.depth === 0 && isWord(token, "INTO") && isWord(tokens[i + 1], "OUTFILE"));

/** Reads one statement's text: whether it answers rows, and in which format. Throws SYNTAX_ERROR on several statements. */
export const parseStatement = (sql: string): Statement => {
  const all = [...tokensOf(sql)];
  const tokens = all.slice(0, endOfStatement(all));
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (first === undefined || last === undefined) return refuse("Syntax error: Empty query");
  if (hasOutfile(tokens)) refuse("INTO OUTFILE is not allowed over HTTP: the rows are the answer's body");
  const at = formatClause(tokens);
  const format = at === undefined ? {} : { format: tokens[at + 1]?.text ?? "" };
  const insert = isWord(first, "INSERT");
  if (!STREAMED.has(first.text.toUpperCase()))
    return { kind: "command", sql: sql.slice(0, last.end), insert, ...format };
  const cut = at === undefined ? last.end : (tokens[at]?.start ?? last.end);
  const after = at === undefined ? "" : sql.slice(tokens[at + 1]?.end, last.end);
  return { kind: "select", before: sql.slice(0, cut), after, ...format };
};

/** The statement with its output sent to a file or FIFO. */
export const selectIntoFile = (select: Select, path: string, format: string): string =>
  `${select.before}\nINTO OUTFILE ${stringLiteral(path)} APPEND\nFORMAT ${format} ${select.after}`;

/** Text with the literals of running queries' ids replaced by the engine's own, for `KILL QUERY`. */
export const withEngineQueryIds = (sql: string, engineId: (queryId: string) => string | undefined): string => {
  let result = "";
  let at = 0;
  for (const token of tokensOf(sql)) {
    const id = token.kind === "string" ? engineId(token.text.slice(1, -1)) : undefined;
    if (id === undefined) continue;
    result += sql.slice(at, token.start) + stringLiteral(id);
    at = token.end;
  }
  return result + sql.slice(at);
};
