import { stringLiteral } from "./sql-literal.ts";
import { isWord, tokensOf, type Token } from "./sql-tokens.ts";

/** An INSERT whose rows follow its text: where the data begins, and how to run it on a file that holds the data. */
export type InsertWithData = {
  /** Offset of the first character of the data; the length of the text when there is none in it. */
  readonly dataStart: number;
  readonly format: string;
  /** The statement that reads the data from `path`. */
  readonly sqlFor: (path: string) => string;
};

type Found = {
  readonly tokens: readonly Token[];
  readonly clause: Token;
  readonly format: string;
  readonly end: number;
};

const dataAfter = (sql: string, end: number): number => {
  const gap = /[ \t\f]*\r?\n?/y;
  gap.lastIndex = end;
  gap.test(sql);
  return Math.max(end, gap.lastIndex);
};

// A semicolon before the data would hide a second statement.
const isNoInsert = (token: Token, place: number): boolean =>
  token.text === ";" || (place === 1 && !isWord(token, "INSERT"));

// Reads on only to FORMAT or VALUES: what follows is data, not SQL.
const findDataClause = (sql: string): Found | undefined => {
  const tokens: Token[] = [];
  for (const token of tokensOf(sql)) {
    const previous = tokens.at(-1);
    tokens.push(token);
    if (isNoInsert(token, tokens.length)) return undefined;
    if (tokens.length < 4 || token.depth !== 0) continue;
    if (isWord(previous, "FORMAT") && token.kind === "word" && tokens.length > 4)
      return { tokens: tokens.slice(0, -2), clause: previous as Token, format: token.text, end: token.end };
    if (isWord(token, "VALUES"))
      return { tokens: tokens.slice(0, -1), clause: token, format: "Values", end: token.end };
  }
  return undefined;
};

const indexOfWord = (tokens: readonly Token[], words: readonly string[]): number =>
  tokens.findIndex((token, i) => i > 2 && token.depth === 0 && words.some((word) => isWord(token, word)));

const closing = (tokens: readonly Token[], open: number): number =>
  tokens.findIndex((token, i) => i > open && token.text === ")" && token.depth === tokens[open]?.depth);

// `SELECT … FROM input('structure')` reads the request's data: the engine reads it from the file instead.
const insertSelect = (sql: string, { tokens, clause, format }: Found): ((path: string) => string) | undefined => {
  const input = tokens.findIndex((token, i) => isWord(token, "INPUT") && tokens[i + 1]?.text === "(");
  const [name, open] = [tokens[input], tokens[input + 1]];
  const close = tokens[closing(tokens, input + 1)];
  if (name === undefined || open === undefined || close === undefined) return undefined;
  const structure = sql.slice(open.end, close.start);
  return (path) =>
    `${sql.slice(0, name.start)}file(${stringLiteral(path)}, ${stringLiteral(format)}, ${structure}, 'none')${sql.slice(close.end, clause.start)}`;
};

/** Reads an INSERT that brings its rows along; undefined for every other statement. */
export const parseInsertWithData = (sql: string): InsertWithData | undefined => {
  const found = findDataClause(sql);
  if (found === undefined) return undefined;
  const { tokens, clause, format, end } = found;
  const dataStart = dataAfter(sql, end);
  if (indexOfWord(tokens, ["SELECT", "WITH"]) !== -1) {
    const sqlFor = insertSelect(sql, found);
    return sqlFor && { dataStart, format, sqlFor };
  }
  const settings = tokens[indexOfWord(tokens, ["SETTINGS"])]?.start ?? clause.start;
  const sqlFor = (path: string): string =>
    `${sql.slice(0, settings)} FROM INFILE ${stringLiteral(path)} COMPRESSION 'none' ${sql.slice(settings, clause.start)} FORMAT ${format}`;
  return { dataStart, format, sqlFor };
};
