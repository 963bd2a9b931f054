import type { Session } from "chdb";
import type { RunRequest } from "./engine-protocol.ts";
import { identifier, stringLiteral } from "./sql-literal.ts";

/** Runs a statement for its effect alone. */
export const execute = async (connection: Session, sql: string): Promise<void> => {
  await connection.queryAsync(sql, { format: "Null" });
};

/** Runs a statement that answers few rows, as objects. */
export const rowsOf = async <Row>(connection: Session, sql: string): Promise<Row[]> => {
  const result = await connection.queryAsync(sql, { format: "JSONEachRow" });
  const lines = result.text().split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Row);
};

const setAll = (prefix: string, values: Readonly<Record<string, string>>): string[] => {
  const assignments = Object.entries(values).map(([name, value]) => `${prefix}${name} = ${stringLiteral(value)}`);
  return assignments.length === 0 ? [] : [`SET ${assignments.join(", ")}`];
};

/** What is executed on a connection before the statement of a request. */
export const preparation = ({ database, settings, params }: RunRequest): string[] => {
  const { readonly, ...others } = settings;
  return [
    ...(database === undefined ? [] : [`USE ${identifier(database)}`]),
    // First: the statement that sets them may be longer than the request allows its own to be.
    ...setAll("param_", params),
    ...setAll("", others),
    // Last: a readonly connection takes no settings any more.
    ...(readonly === undefined ? [] : setAll("", { readonly })),
  ];
};

/** What puts a session's settings back after a request: a request's settings end with it, those of `SET` stay. */
export const restoration = async (
  connection: Session,
  settings: Readonly<Record<string, string>>,
): Promise<string[]> => {
  const names = Object.keys(settings);
  if (names.length === 0) return [];
  const before = await rowsOf<{ name: string; value: string; changed: number }>(
    connection,
    `SELECT name, value, changed FROM system.settings WHERE name IN (${names.map(stringLiteral).join(", ")})`,
  );
  return before.map(({ name, value, changed }) => `SET ${name} = ${changed ? stringLiteral(value) : "DEFAULT"}`);
};
