import type { SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import type { ErasedKeys } from "#pipeline/siphon/erased-frames.ts";
import { erasedTable } from "#pipeline/siphon/ledger/tables.ts";

// They travel in the statement, of which ClickHouse reads 256 KiB; in parameters they would not fit its URL.
const KEYS_AT_ONCE = 4096;

/** The keys of erased frames in a table of their own. */
export const createErasedKeys = (client: Pick<SqlClient, "query" | "insert">): ErasedKeys => {
  const among = async (keys: readonly string[]): Promise<string[]> => {
    const found: string[] = [];
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const some = keys.slice(at, at + KEYS_AT_ONCE).map((key) => `'${key}'`);
      const rows = await client.query<{ key: string }>(
        `SELECT DISTINCT key FROM ${erasedTable} WHERE key IN (${some.join(",")})`,
      );
      found.push(...rows.map(({ key }) => key));
    }
    return found;
  };
  return {
    among,
    keep: async (keys) => {
      const known = new Set(await among(keys));
      const rows = keys.filter((key) => !known.has(key)).map((key) => ({ key }));
      if (rows.length > 0) await client.insert(erasedTable, rows, {});
    },
  };
};
