import type { SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { KEY_DIGITS, type ErasedKeys } from "#pipeline/siphon/erased-frames.ts";
import { erasedTable } from "#pipeline/siphon/ledger/tables.ts";

// They travel in the statement, of which ClickHouse reads 256 KiB; in parameters they would not fit its URL.
const KEYS_AT_ONCE = 4096;

// One text is parsed in half the time that as many take.
const askFor = (keys: readonly string[]): string =>
  `SELECT DISTINCT key FROM ${erasedTable}
WHERE key IN (SELECT toFixedString(arrayJoin(splitByChar(',', '${keys.join(",")}')), ${KEY_DIGITS}))`;

/** The keys of erased frames in a table of their own. */
export const createErasedKeys = (client: Pick<SqlClient, "query" | "insert">): ErasedKeys => {
  const among = async (keys: readonly string[]): Promise<string[]> => {
    const found: string[] = [];
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const rows = await client.query<{ key: string }>(askFor(keys.slice(at, at + KEYS_AT_ONCE)));
      found.push(...rows.map(({ key }) => key));
    }
    return found;
  };
  return {
    isEmpty: async () => (await client.query(`SELECT 1 AS any FROM ${erasedTable} LIMIT 1`)).length === 0,
    among,
    keep: async (keys) => {
      const known = new Set(await among(keys));
      const rows = keys.filter((key) => !known.has(key)).map((key) => ({ key }));
      if (rows.length > 0) await client.insert(erasedTable, rows, {});
    },
  };
};
