import { createHash } from "node:crypto";
import type { SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import {
  columns,
  createCuts,
  createDatabase,
  createErased,
  createFrames,
  cutsTable,
  framesTable,
  storedIndex,
  views,
} from "#pipeline/siphon/ledger/tables.ts";

/** The type of each column by its name, as ClickHouse tells it: without its codec. */
const types: ReadonlyMap<string, string> = new Map(
  Object.entries(columns).map(([column, type]) => [column, type.replace(/ CODEC\(.*$/, "")]),
);

const readTypes = (client: Pick<SqlClient, "query">): Promise<{ name: string; type: string }[]> =>
  client.query("SELECT name, type FROM system.columns WHERE concat(database, '.', table) = {table:String}", {
    table: framesTable,
  });

/** Says which columns of the table of frames somebody gave another type, undefined for none: what they refuse is no row's fault. */
export const findRetyped = async (client: Pick<SqlClient, "query">): Promise<string | undefined> => {
  const told = (await readTypes(client))
    .filter(({ name, type }) => (types.get(name) ?? type) !== type)
    .map(({ name, type }) => `${name} is ${type} instead of ${types.get(name)}`);
  return told.length === 0 ? undefined : `${framesTable} was changed: ${told.join(", ")}`;
};

const addMissingColumns = async (client: SqlClient): Promise<void> => {
  const there = new Set((await readTypes(client)).map(({ name }) => name));
  const missing = Object.entries(columns).filter(([column]) => !there.has(column));
  if (missing.length === 0) return;
  const added = missing.map(([column, type]) => `ADD COLUMN IF NOT EXISTS ${column} ${type}`);
  await client.command(`ALTER TABLE ${framesTable} ${added.join(", ")}`);
};

/** An older table gets the index for what comes, and in time for what is there. */
const addMissingIndex = async (client: SqlClient): Promise<void> => {
  const { name, definition } = storedIndex;
  const there = await client.query(
    "SELECT name FROM system.data_skipping_indices WHERE concat(database, '.', table) = {table:String} AND name = {name:String}",
    { table: framesTable, name },
  );
  if (there.length > 0) return;
  await client.command(`ALTER TABLE ${framesTable} ADD INDEX IF NOT EXISTS ${name} ${definition}`);
  await client.command(`ALTER TABLE ${framesTable} MATERIALIZE INDEX ${name} SETTINGS mutations_sync = 0`);
};

const replaceChangedViews = async (client: SqlClient): Promise<void> => {
  const rows = await client.query<{ name: string; comment: string }>(
    "SELECT concat(database, '.', name) AS name, comment FROM system.tables WHERE engine = 'View'",
  );
  const there = new Map(rows.map(({ name, comment }) => [name, comment]));
  for (const { name, select } of views) {
    const version = createHash("sha256").update(select).digest("hex");
    if (there.get(name) === version) continue;
    await client.command(`CREATE OR REPLACE VIEW ${name} AS ${select} COMMENT '${version}'`);
  }
};

/**
 * Creates what the ledger lacks, or brings an older one up to date. It changes nothing that is as it should be: ClickHouse writes a
 * table's definition anew with each change, and where its disk is full leaves an empty one, which nobody can read.
 */
export const ensureSchema = async (client: SqlClient): Promise<void> => {
  await client.command(createDatabase);
  const [frames] = await client.query<{ result: number }>(`EXISTS TABLE ${framesTable}`);
  // Cuts speak of what is in the frames' table: of one that was dropped they say nothing.
  if (Number(frames?.result) === 0) await client.command(`DROP TABLE IF EXISTS ${cutsTable} SYNC`);
  await client.command(createFrames(framesTable));
  await addMissingColumns(client);
  await addMissingIndex(client);
  await client.command(createCuts);
  await client.command(createErased);
  await replaceChangedViews(client);
};
