import type { Log } from "#nervous-system/kernel/log.ts";
import { ClickHouseFailure, type SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { copyStep } from "#pipeline/siphon/ledger/copy-step.ts";
import { forgetProgress, keepStep, stepToGoOnFrom, type Step } from "#pipeline/siphon/ledger/reshape-progress.ts";
import { createFrames, framesTable, nextTable, sortingKey } from "#pipeline/siphon/ledger/tables.ts";

/** A table of frames that is brought into another shape while it is written. */
export type Reshape = {
  /** Whether a batch goes to `nextTable` first, and then to the table. */
  copies(): boolean;
  /** Goes on copying where nobody does; what fails is tried again by the next call. */
  goOn(): void;
  /** Stops copying and answers once no statement runs. */
  stop(): Promise<void>;
};

/** What bringing it there needs: the sink's name, by which it keeps its cuts, and how many rows one statement copies. */
export type ReshapeOptions = { readonly sink: string; readonly log: Log; readonly rowsAStep: number };

/** Rows copied by one statement, within a chain too: minutes of work must not hang on one answer. */
export const ROWS_A_STEP = 200_000;
const FEWEST_ROWS = 1000;

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

const isTooMuch = (error: unknown): boolean => error instanceof ClickHouseFailure && error.kind === "limit";

type Copying = { readonly step: Step; readonly rows: number };

/** Takes a step, from then on of half as many rows where so many take the server too long; undefined at the end. */
const takeStep = async (client: SqlClient, { step, rows }: Copying): Promise<Copying | undefined> => {
  try {
    const taken = await copyStep(client, step, rows);
    if (taken !== undefined) await keepStep(client, taken);
    return taken && { step: taken, rows };
  } catch (error) {
    if (!isTooMuch(error) || rows <= FEWEST_ROWS) throw error;
    return { step, rows: Math.ceil(rows / 2) };
  }
};

/**
 * Begins, or goes on with, bringing the table of frames into today's shape; undefined where it has that.
 *
 *   old shape → make `next` → every batch goes to `next`, then to the table → copy what was there, row by row in its order
 *     → exchange the two names → drop the old one
 *
 * Whatever is killed in between is found again: `next` of today's shape means that copying is under way, `next` of another
 * one that only the drop is missing. A batch that meets the exchange goes to the new table twice, which changes nothing,
 * or finds `next` gone, which is then the table.
 */
export const beginReshape = async (client: SqlClient, options: ReshapeOptions): Promise<Reshape | undefined> => {
  const { sink, log, rowsAStep } = options;
  const [current, next] = [await sortingKeyOf(client, framesTable), await sortingKeyOf(client, nextTable)];
  if (current === sortingKey) {
    if (next !== undefined) await client.command(`DROP TABLE ${nextTable} SYNC`);
    return undefined;
  }
  if (next === undefined) await forgetProgress(client);
  await client.command(createFrames(nextTable));
  // Now, before this process keeps a cut: what the last one says is who wrote before it.
  const from = await stepToGoOnFrom(client, sink);
  let done = false;
  let copying: Copying = { step: from, rows: rowsAStep };
  let running: Promise<void> | undefined;
  const stopping = new AbortController();
  const copyAll = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const taken = await takeStep(client, copying);
      if (taken === undefined) return;
      copying = taken;
    }
  };
  const copy = async (): Promise<void> => {
    // Another process, such as an import, may have come to the end before this one.
    done = (await sortingKeyOf(client, framesTable)) === sortingKey;
    if (done) return;
    await copyAll();
    if (stopping.signal.aborted) return;
    const checked = await stepToGoOnFrom(client, sink);
    const isAnew = checked.upTo === undefined && copying.step.upTo !== undefined;
    copying = { ...copying, step: checked };
    if (isAnew) return copy();
    await exchange(client);
    done = true;
  };
  return {
    copies: () => !done,
    goOn: () => {
      if (done || stopping.signal.aborted) return;
      running ??= copy()
        .catch((error: unknown) => log.warn({ sink, error: String(error) }, "the older table is not copied on"))
        .finally(() => (running = undefined));
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};
