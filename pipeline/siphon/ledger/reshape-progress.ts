import * as z from "zod";
import type { SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { cutsTable } from "#pipeline/siphon/ledger/tables.ts";

/** A row of the older table by what that is sorted by: agent, epoch, seq and event id. */
export type RowKey = readonly [agentUid: string, epoch: number, seq: number, eventId: string];

/** How far copying has come: steps taken, and the last row that was copied; undefined before the first. */
export type Step = { readonly number: number; readonly upTo: RowKey | undefined };

/** Rows of the table of cuts beside the ledger's own: how far copying is, and the last cut that went to both tables. */
const PROGRESS = "ledger-reshape";
const STEP_SLOT = 0;
const CUT_SLOT = 1;

const rowKey = z.tuple([z.string(), z.number(), z.number(), z.string()]);

const parseKey = (text: string): RowKey | undefined => {
  try {
    return rowKey.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // an agent, by which an earlier build counted
  }
};

type CutRow = Readonly<Record<"sink" | "stream" | "hash", string>> &
  Readonly<Record<"slot" | "number" | "first_place" | "last_place", number>>;

const rowOf = (slot: number, number: number, hash: string): CutRow => ({
  sink: PROGRESS,
  slot,
  number,
  stream: "",
  first_place: 0,
  last_place: 0,
  hash,
});

/** The row that says, in one insert with a cut, that this cut goes to both tables. */
export const rowOfBoth = (cut: number): CutRow => rowOf(CUT_SLOT, cut, "");

/** Keeps a step that was taken. */
export const keepStep = (client: SqlClient, { number, upTo }: Step): Promise<void> =>
  client.insert(cutsTable, [rowOf(STEP_SLOT, number, JSON.stringify(upTo))], {});

/** Forgets everything: progress that outlived the table it speaks of would leave rows behind. */
export const forgetProgress = (client: SqlClient): Promise<void> =>
  client.command(`ALTER TABLE ${cutsTable} DELETE WHERE sink = '${PROGRESS}' SETTINGS mutations_sync = 1`);

const newestNumbers = `SELECT toString(maxIf(number, sink = {sink:String})) AS cut,
  toString(maxIf(number, sink = {progress:String} AND slot = ${CUT_SLOT})) AS both,
  toString(countIf(sink = {progress:String} AND slot = ${CUT_SLOT})) AS told
FROM ${cutsTable} FINAL`;

const readStep = async (client: SqlClient): Promise<Step | undefined> => {
  const [row] = await client.query<{ number: string; hash: string }>(
    `SELECT toString(number) AS number, hash FROM ${cutsTable} FINAL WHERE sink = {sink:String} AND slot = ${STEP_SLOT}`,
    { sink: PROGRESS },
  );
  const upTo = parseKey(row?.hash ?? "");
  return row === undefined || upTo === undefined ? undefined : { number: Number(row.number), upTo };
};

/**
 * The step behind which copying goes on: the last one that was kept, unless another wrote to the older table alone since. Each
 * cut of a build that writes to both says so, so a newer cut that does not is another's; then copying begins again.
 */
export const stepToGoOnFrom = async (client: SqlClient, sink: string): Promise<Step> => {
  const [newest] = await client.query<Record<"cut" | "both" | "told", string>>(newestNumbers, {
    sink,
    progress: PROGRESS,
  });
  const isOurs = Number(newest?.told ?? 0) > 0 && Number(newest?.both) >= Number(newest?.cut);
  const kept = isOurs ? await readStep(client) : undefined;
  if (kept !== undefined) return kept;
  await forgetProgress(client);
  await client.insert(cutsTable, [rowOfBoth(Number(newest?.cut ?? 0))], {});
  return { number: 0, upTo: undefined };
};
