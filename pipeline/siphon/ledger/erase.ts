import { erasedStart, neverErased } from "#nervous-system/schemas/erased.ts";
import type { SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import type { Erasure } from "#pipeline/siphon/erasures.ts";
import { nothingProjected } from "#pipeline/siphon/ledger/projected-columns.ts";
import { framesTable, nextTable } from "#pipeline/siphon/ledger/tables.ts";

/** The row that `projectRow` makes of an erased frame; the digest is made of the bytes where they lie. */
const erasedRow = [
  `frame = concat('${erasedStart}', lower(hex(SHA256(frame))), '"}')`,
  "agent_id = ''",
  "related_commit_hash = ''",
  "timestamp = observed",
  ...Object.entries(nothingProjected).map(([column, value]) => `${column} = ${value === "" ? "''" : String(value)}`),
].join(", ");

const keyOf = ({ agentUid, epoch, seq, eventId }: Erasure): string => [agentUid, epoch, seq, eventId].join("/");

// Parameters travel in a URL, of which ClickHouse reads a megabyte: an event's id has 128 characters, of up to nine bytes there.
const AT_ONCE = 500;

const slices = (erasures: readonly Erasure[]): Erasure[][] =>
  Array.from({ length: Math.ceil(erasures.length / AT_ONCE) }, (_, n) =>
    erasures.slice(n * AT_ONCE, (n + 1) * AT_ONCE),
  );

// What nobody else can write is compared whole: an event's id may hold anything.
const notYet = `namespace = {namespace:String} AND agent_uid IN {agents:Array(String)}
  AND concat(agent_uid, '/', toString(epoch), '/', toString(seq), '/', event_id) IN {keys:Array(String)}
  AND event_type NOT IN (${neverErased.map((type) => `'${type}'`).join(", ")}) AND NOT startsWith(frame, '${erasedStart}')`;

const exists = async (client: SqlClient, table: string): Promise<boolean> => {
  const [found] = await client.query<{ result: number }>(`EXISTS TABLE ${table}`);
  return Number(found?.result) === 1;
};

/** Whether an erasure that was begun goes on: one beside it would do the same work again. */
const isUnderWay = async (client: SqlClient): Promise<boolean> => {
  const [found] = await client.query<{ n: string }>(
    "SELECT count() AS n FROM system.mutations WHERE NOT is_done AND is_killed = 0 AND position(command, {start:String}) > 0",
    { start: erasedStart },
  );
  return Number(found?.n) > 0;
};

const eraseIn = async (client: SqlClient, table: string, params: Readonly<Record<string, unknown>>): Promise<void> => {
  const [found] = await client.query<{ n: string }>(`SELECT count() AS n FROM ${table} WHERE ${notYet}`, params);
  if (Number(found?.n) === 0) return;
  await client.command(`ALTER TABLE ${table} UPDATE ${erasedRow} WHERE ${notYet} SETTINGS mutations_sync = 1`, params);
};

/**
 * Erases what frames say from the rows that are there; answers false where an erasure that was begun before goes on. ClickHouse
 * writes the columns of the months that hold such rows anew, and keeps the old ones on its disk for some minutes
 * (`old_parts_lifetime`). Rejects with `ClickHouseFailure`.
 */
export const eraseRows = async (client: SqlClient, erasures: readonly Erasure[]): Promise<boolean> => {
  if (await isUnderWay(client)) return false;
  const hasNext = await exists(client, nextTable);
  for (const [namespace, all] of Map.groupBy(erasures, (one) => one.namespace)) {
    for (const own of slices(all)) {
      const agents = [...new Set(own.map(({ agentUid }) => agentUid))];
      const params = { namespace, agents, keys: own.map(keyOf) };
      await eraseIn(client, framesTable, params);
      if (hasNext) await eraseIn(client, nextTable, params);
    }
  }
  return true;
};
