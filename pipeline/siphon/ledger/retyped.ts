import type { SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { columns, framesTable } from "#pipeline/siphon/ledger/tables.ts";

/** The type of each column by its name, as ClickHouse tells it: without its codec. */
const types: ReadonlyMap<string, string> = new Map(
  Object.entries(columns).map(([column, type]) => [column, type.replace(/ CODEC\(.*$/, "")]),
);

/** Says which columns of the table of frames somebody gave another type, undefined for none: what they refuse is no row's fault. */
export const findRetyped = async (client: Pick<SqlClient, "query">): Promise<string | undefined> => {
  const found = await client.query<{ name: string; type: string }>(
    "SELECT name, type FROM system.columns WHERE concat(database, '.', table) = {table:String}",
    { table: framesTable },
  );
  const told = found
    .filter(({ name, type }) => (types.get(name) ?? type) !== type)
    .map(({ name, type }) => `${name} is ${type} instead of ${types.get(name)}`);
  return told.length === 0 ? undefined : `${framesTable} was changed: ${told.join(", ")}`;
};
