import type { Log } from "#nervous-system/kernel/log.ts";
import type { SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { columns, createFrames, cutsTable, dayOfRow, framesTable, nextTable, sortingKey } from "./tables.ts";

/** A table of frames that is brought into another shape while it is written. */
export type Reshape = {
  /** Whether a batch goes to `nextTable` first, and then to the table. */
  copies(): boolean;
  /** Goes on copying where nobody does; what fails is tried again by the next call. */
  goOn(): void;
  /** Stops copying and answers once no statement runs. */
  stop(): Promise<void>;
};

/** Rows copied by one statement, and of one agent more where it has more: minutes of work must not hang on one answer. */
export const ROWS_A_STEP = 200_000;
const PROGRESS = "ledger-reshape";

type Step = { readonly number: number; readonly upTo: string };

const keptStep = async (client: SqlClient): Promise<Step> => {
  const [row] = await client.query<{ number: string; hash: string }>(
    `SELECT number, hash FROM ${cutsTable} FINAL WHERE sink = {sink:String}`,
    { sink: PROGRESS },
  );
  return { number: Number(row?.number ?? 0), upTo: row?.hash ?? "" };
};

/** The agent at which a step behind `upTo` ends; undefined behind the last agent. */
const endOfStep = async (client: SqlClient, upTo: string, rows: number): Promise<string | undefined> => {
  const [row] = await client.query<{ last: string; n: string }>(
    `SELECT max(agent_uid) AS last, count() AS n FROM (
       SELECT agent_uid FROM ${framesTable} WHERE agent_uid > {upTo:String} ORDER BY agent_uid LIMIT {rows:UInt32})`,
    { upTo, rows },
  );
  return Number(row?.n ?? 0) === 0 ? undefined : row?.last;
};

const names = Object.keys(columns).filter((column) => column !== "day");

const copyStep = async (client: SqlClient, step: Step, rows: number): Promise<Step | undefined> => {
  const last = await endOfStep(client, step.upTo, rows);
  if (last === undefined) return undefined;
  await client.command(
    `INSERT INTO ${nextTable} (${names.join(", ")}, day)
     SELECT ${names.join(", ")}, ${dayOfRow} FROM ${framesTable}
     WHERE agent_uid > {upTo:String} AND agent_uid <= {last:String}
     SETTINGS max_partitions_per_insert_block = 0`,
    { upTo: step.upTo, last },
  );
  const next = { number: step.number + 1, upTo: last };
  const row = { sink: PROGRESS, slot: 0, number: next.number, stream: "", first_place: 0, last_place: 0, hash: last };
  await client.insert(cutsTable, [row], {});
  return next;
};

// Progress that outlived the table it speaks of would leave rows behind.
const forgetProgress = (client: SqlClient): Promise<void> =>
  client.command(`ALTER TABLE ${cutsTable} DELETE WHERE sink = '${PROGRESS}' SETTINGS mutations_sync = 1`);

const exchange = async (client: SqlClient): Promise<void> => {
  await forgetProgress(client);
  await client.command(`EXCHANGE TABLES ${framesTable} AND ${nextTable}`);
  await client.command(`DROP TABLE ${nextTable} SYNC`);
};

const sortingKeyOf = async (client: SqlClient, table: string): Promise<string | undefined> => {
  const [row] = await client.query<{ sorting_key: string }>(
    "SELECT sorting_key FROM system.tables WHERE concat(database, '.', name) = {table:String}",
    { table },
  );
  return row?.sorting_key;
};

/**
 * Begins, or goes on with, bringing the table of frames into today's shape; undefined where it has that.
 *
 *   old shape → make `next` → every batch goes to `next`, then to the table → copy what was there, agent by agent
 *     → exchange the two names → drop the old one
 *
 * Whatever is killed in between is found again: `next` of today's shape means that copying is under way, `next` of another
 * one that only the drop is missing. A batch that meets the exchange goes to the new table twice, which changes nothing,
 * or finds `next` gone, which is then the table.
 */
export const beginReshape = async (client: SqlClient, log: Log, rowsAStep: number): Promise<Reshape | undefined> => {
  const [current, next] = [await sortingKeyOf(client, framesTable), await sortingKeyOf(client, nextTable)];
  if (current === sortingKey) {
    if (next !== undefined) await client.command(`DROP TABLE ${nextTable} SYNC`);
    return undefined;
  }
  if (next === undefined) await forgetProgress(client);
  await client.command(createFrames(nextTable));
  let done = false;
  let running: Promise<void> | undefined;
  const stopping = new AbortController();
  const copy = async (): Promise<void> => {
    let step: Step | undefined = await keptStep(client);
    while (step !== undefined && !stopping.signal.aborted) step = await copyStep(client, step, rowsAStep);
    if (stopping.signal.aborted) return;
    await exchange(client);
    done = true;
  };
  return {
    copies: () => !done,
    goOn: () => {
      if (done || stopping.signal.aborted) return;
      running ??= copy()
        .catch((error: unknown) =>
          log.warn({ sink: "ledger", error: String(error) }, "the older table is not copied on"),
        )
        .finally(() => (running = undefined));
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};
