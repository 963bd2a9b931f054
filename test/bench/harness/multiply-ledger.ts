import { createSqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { columns, framesTable } from "#pipeline/siphon/ledger/tables.ts";
import type { TestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { year } from "./year-frames.ts";

const BASE = "enchanted.bench_base";

/** Of copy `k` of a frame: who, when and where are others, in the columns as in envelope and bytes; hashes as random as before. */
const uuid = (column: string): string => `toString(reinterpretAsUUID(MD5(concat(${column}, '/', toString(k)))))`;
const sha = (column: string): string => `lower(hex(SHA256(concat(${column}, '/', toString(k)))))`;

const END = `toDateTime64('${new Date(year.beganMs + year.days * 86_400_000).toISOString().slice(0, 19)}', 9, 'UTC')`;

/** The same time of another day of the same year. */
const moved = (column: string, copies: number): string => {
  const time = `(${column} + toIntervalDay(intDiv(k * ${year.days}, ${copies})))`;
  return `(${time} - toIntervalDay(if(${time} >= ${END}, ${year.days}, 0)))`;
};

const nanoseconds = (time: string): string => `toString(toUnixTimestamp64Nano(${time}))`;

const replaced = (text: string, parts: ReadonlyArray<readonly [string, string]>): string =>
  parts.reduce((all, [from, to]) => `replaceAll(${all}, ${from}, ${to})`, text);

const changed = (frames: number, copies: number): Partial<Record<keyof typeof columns, string>> => ({
  agent_uid: uuid("agent_uid"),
  mission_uid: uuid("mission_uid"),
  event_id: uuid("event_id"),
  mission: "concat(mission, '-', toString(k))",
  observed: moved("observed", copies),
  stored: moved("stored", copies),
  timestamp: moved("timestamp", copies),
  day: `toDate(${moved("observed", copies)})`,
  stream_seq: `stream_seq + k * ${frames}`,
  hash: sha("hash"),
  prev_hash: sha("prev_hash"),
  frame: replaced("frame", [["event_id", uuid("event_id")]]),
  envelope: replaced("envelope", [
    ["agent_uid", uuid("agent_uid")],
    ["mission_uid", uuid("mission_uid")],
    ["event_id", uuid("event_id")],
    ["concat('\"', mission, '\"')", "concat('\"', mission, '-', toString(k), '\"')"],
    [nanoseconds("observed"), nanoseconds(moved("observed", copies))],
  ]),
});

/** Inserts what falls into one month, so that its parts are few and large. */
const copyMonth = (frames: number, copies: number, month: number): string => {
  const own = changed(frames, copies);
  const names = Object.keys(columns) as Array<keyof typeof columns>;
  const selected = names.map((name) => (own[name] === undefined ? name : `${own[name]} AS ${name}`));
  return `INSERT INTO ${framesTable} (${names.join(", ")})
SELECT ${selected.join(",\n")}
FROM ${BASE}
ARRAY JOIN arrayFilter(k -> toMonth(${moved("observed", copies)}) = ${month}, range(1, ${copies})) AS k
SETTINGS prefer_column_name_to_alias = 1, max_threads = 2, max_insert_threads = 1,
  min_insert_block_size_rows = 2000000, min_insert_block_size_bytes = 4000000000`;
};

const PATIENCE_MS = 900_000;

/**
 * Makes `copies` times as many frames of what the ledger holds, each copy's on other days, so that what lies beside each other is
 * never the same text twice.
 */
export const multiplyLedger = async (ledger: TestLedger, frames: number, copies: number): Promise<void> => {
  const { url, username, password } = ledger.server;
  const client = createSqlClient({ url, username, password, requestTimeoutMs: PATIENCE_MS });
  const run = (query: string): Promise<void> => client.command(query);
  await run(`OPTIMIZE TABLE ${framesTable} FINAL`);
  if (copies > 1) {
    await run(`CREATE TABLE ${BASE} ENGINE = MergeTree ORDER BY observed AS SELECT * FROM ${framesTable}`);
    for (let month = 1; month <= 12; month += 1) await run(copyMonth(frames, copies, month));
    await run(`DROP TABLE ${BASE} SYNC`);
  }
  await client.close();
};
