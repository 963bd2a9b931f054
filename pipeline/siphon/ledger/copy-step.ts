import type { SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import type { RowKey, Step } from "#pipeline/siphon/ledger/reshape-progress.ts";
import { columns, dayOfRow, framesTable, nextTable } from "#pipeline/siphon/ledger/tables.ts";

/** What an older table is sorted by. */
const olderKey = "agent_uid, epoch, seq, event_id";

/** Longest that one step may take: the server ends it before who asked gives up, and would begin it again beside itself. */
const STEP_SECONDS = 45;

const names = Object.keys(columns).filter((column) => column !== "day");

type Params = Record<string, string | number>;

const bound = (prefix: string, [agent, epoch, seq, event]: RowKey): Params => ({
  [`${prefix}_agent`]: agent,
  [`${prefix}_epoch`]: epoch,
  [`${prefix}_seq`]: seq,
  [`${prefix}_event`]: event,
});

// Spelled out, since ClickHouse finds no granules by a comparison of tuples.
const compared = (prefix: string, sign: "<" | ">", last: string): string => {
  const [agent, epoch, seq, event] = [
    `{${prefix}_agent:String}`,
    `{${prefix}_epoch:UInt32}`,
    `{${prefix}_seq:UInt64}`,
    `{${prefix}_event:String}`,
  ];
  return `(agent_uid ${sign} ${agent} OR agent_uid = ${agent} AND (epoch ${sign} ${epoch} OR epoch = ${epoch}
    AND (seq ${sign} ${seq} OR seq = ${seq} AND event_id ${last} ${event})))`;
};

const behind = (upTo: RowKey | undefined): { condition: string; params: Params } =>
  upTo === undefined
    ? { condition: "1", params: {} }
    : { condition: compared("from", ">", ">"), params: bound("from", upTo) };

type KeyRow = Readonly<Record<"agent_uid" | "event_id", string>> & Readonly<Record<"epoch" | "seq", number | string>>;

/** The row at which a step of so many rows ends; undefined where none is left. */
const endOfStep = async (client: SqlClient, upTo: RowKey | undefined, rows: number): Promise<RowKey | undefined> => {
  const { condition, params } = behind(upTo);
  const [row] = await client.query<KeyRow>(
    `SELECT ${olderKey} FROM (
       SELECT ${olderKey} FROM ${framesTable} WHERE ${condition} ORDER BY ${olderKey} LIMIT {rows:UInt32})
     ORDER BY agent_uid DESC, epoch DESC, seq DESC, event_id DESC LIMIT 1`,
    { ...params, rows },
  );
  return row && [row.agent_uid, Number(row.epoch), Number(row.seq), row.event_id];
};

/** Copies the next rows into the new table, as many as one statement may take, and answers the step; undefined at the end. */
export const copyStep = async (client: SqlClient, { number, upTo }: Step, rows: number): Promise<Step | undefined> => {
  const last = await endOfStep(client, upTo, rows);
  if (last === undefined) return undefined;
  const { condition, params } = behind(upTo);
  await client.command(
    `INSERT INTO ${nextTable} (${names.join(", ")}, day)
     SELECT ${names.join(", ")}, ${dayOfRow} FROM ${framesTable}
     WHERE ${condition} AND ${compared("to", "<", "<=")}
     SETTINGS max_partitions_per_insert_block = 0, max_execution_time = ${STEP_SECONDS}`,
    { ...params, ...bound("to", last) },
  );
  return { number: number + 1, upTo: last };
};
