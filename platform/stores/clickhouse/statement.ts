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
const formatClause = (tokens: readonly Token[]): readonly [keyword: Token, name: Token] | undefined => {
  const at = tokens.findLastIndex((token, i) => isWord(token, "FORMAT") && token.depth === 0 && i > 0);
  const [keyword, name, next] = tokens.slice(Math.max(at, 0));
  const ends = next === undefined || isWord(next, "SETTINGS");
  return at > 0 && keyword && name?.kind === "word" && ends ? [keyword, name] : undefined;
};

const hasOutfile = (tokens: readonly Token[]): boolean =>
  tokens.some((token, i) => token.depth === 0 && isWord(token, "INTO") && isWord(tokens[i + 1], "OUTFILE"));

const cutAround = (sql: string, last: Token, clause: readonly [Token, Token] | undefined): Omit<Select, "format"> => {
  if (clause === undefined) return { kind: "select", before: sql.slice(0, last.end), after: "" };
  const [keyword, name] = clause;
  return { kind: "select", before: sql.slice(0, keyword.start), after: sql.slice(name.end, last.end) };
};

/** Reads one statement's text: whether it answers rows, and in which format. Throws SYNTAX_ERROR on several statements. */
export const parseStatement = (sql: string): Statement => {
  const all = [...tokensOf(sql)];
  const tokens = all.slice(0, endOfStatement(all));
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (first === undefined || last === undefined) return refuse("Syntax error: Empty query");
  if (hasOutfile(tokens)) refuse("INTO OUTFILE is not allowed over HTTP: the rows are the answer's body");
  const clause = formatClause(tokens);
  const format = clause === undefined ? {} : { format: clause[1].text };
  if (STREAMED.has(first.text.toUpperCase())) return { ...cutAround(sql, last, clause), ...format };
  return { kind: "command", sql: sql.slice(0, last.end), insert: isWord(first, "INSERT"), ...format };
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
