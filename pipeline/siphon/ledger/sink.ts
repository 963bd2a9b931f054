import { isUtf8 } from "node:buffer";
import * as z from "zod";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { createSqlClient, ClickHouseFailure, type SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { erasedKeysOf, withoutErased } from "#pipeline/siphon/erased-frames.ts";
import { eraseRows } from "#pipeline/siphon/ledger/erase.ts";
import { createErasedKeys } from "#pipeline/siphon/ledger/erased-keys.ts";
import { beginReshape, ROWS_A_STEP, type Reshape } from "#pipeline/siphon/ledger/reshape.ts";
import { rowOfBoth } from "#pipeline/siphon/ledger/reshape-progress.ts";
import { ensureSchema, findRetyped } from "#pipeline/siphon/ledger/ledger-schema.ts";
import { createEncodedRows } from "#pipeline/siphon/ledger/encoded-rows.ts";
import { cutsTable, framesTable, nextTable } from "#pipeline/siphon/ledger/tables.ts";
import {
  insertToken,
  slotOf,
  type Batch,
  type EraseResult,
  type KeptCut,
  type Sink,
  type SinkKind,
  type SinkResult,
} from "#pipeline/siphon/sink.ts";

const SINK = "ledger";

type CutRow = Readonly<Record<"number" | "first_place" | "last_place", string | number>> &
  Readonly<Record<"stream" | "hash", string>>;

const resultOf = async (client: SqlClient, error: unknown, isCopied: boolean): Promise<SinkResult> => {
  // A row that cannot be made is as little to be had as one that ClickHouse refuses.
  if (!(error instanceof ClickHouseFailure)) return { kind: "rejected", reason: String(error) };
  const reason = error.message;
  if (error.kind === "schema") return { kind: "lost", reason };
  if (error.kind !== "data") return { kind: "retryable", reason };
  // While an older table is copied its types are its own.
  const changed = isCopied ? undefined : await findRetyped(client).catch(String);
  return changed === undefined ? { kind: "rejected", reason } : { kind: "retryable", reason: changed };
};

const eraseFailed = (error: unknown): EraseResult => {
  const reason = `the ledger does not erase: ${error instanceof Error ? error.message : String(error)}`;
  return { kind: error instanceof ClickHouseFailure && error.kind === "schema" ? "lost" : "retryable", reason };
};

const ERASING: EraseResult = { kind: "retryable", reason: "the ledger is still erasing", afterMs: 2_000 };

/** ClickHouse keeps text as bytes, but its JSON input does not: what is not UTF-8 would be kept as something else. */
const isKeepable = (frame: StoredFrame | undefined): boolean => frame !== undefined && isUtf8(frame.bytes);

/** Rows for the table that is being made. Where it is gone, it has become the table of frames meanwhile, which gets them too. */
const insertIntoNext = async (
  client: SqlClient,
  rows: readonly object[],
  options: Parameters<SqlClient["insert"]>[2],
): Promise<void> => {
  try {
    await client.insert(nextTable, rows, options);
  } catch (error) {
    const [next] = await client.query<{ result: number }>(`EXISTS TABLE ${nextTable}`);
    if (Number(next?.result) === 1) throw error;
  }
};

const readCuts = async (client: SqlClient): Promise<KeptCut[]> => {
  const rows = await client.query<CutRow>(
    `SELECT number, stream, first_place, last_place, hash FROM ${cutsTable} FINAL WHERE sink = {sink:String} ORDER BY number DESC`,
    { sink: SINK },
  );
  return rows.map(({ number, stream, first_place: from, last_place: to, hash }) => ({
    number: Number(number),
    stream,
    from: Number(from),
    to: Number(to),
    hash,
  }));
};

/** The ledger: every frame a row of ClickHouse. `rowsAStep`: how an older table is copied, see `beginReshape`. */
export const createLedgerSink = (client: SqlClient, log: Log, rowsAStep = ROWS_A_STEP): Sink => {
  const erased = createErasedKeys(client);
  const encoded = createEncodedRows();
  let reshape: Reshape | undefined;
  const goOnReshaping = async (): Promise<void> => {
    reshape = await beginReshape(client, { sink: SINK, log, rowsAStep });
    reshape?.goOn();
  };
  return {
    prepare: async () => {
      await ensureSchema(client);
      await reshape?.stop();
      await goOnReshaping();
    },
    cuts: () => readCuts(client),
    keepCut: ({ number, stream, from, to, hash }) => {
      const row = { sink: SINK, slot: slotOf(number), number, stream, first_place: from, last_place: to, hash };
      // In one insert: a cut that does not say so is one of a build that writes to the older table alone.
      return client.insert(cutsTable, reshape?.copies() === true ? [row, rowOfBoth(number)] : [row], {});
    },
    write: async ({ cut, frames }: Batch, signal) => {
      if (frames.length === 0) return { kind: "written" };
      try {
        // What is erased is another frame than the one whose row was made ahead.
        const given = await withoutErased(erased, frames);
        const bad = frames.filter((_, at) => !isKeepable(given[at]));
        if (bad.length > 0) return { kind: "rejected", reason: "the frame is not UTF-8", bad };
        const rows = encoded.of(given);
        const options = { token: insertToken(SINK, cut), signal };
        if (reshape?.copies() === true) await insertIntoNext(client, rows, options);
        await client.insert(framesTable, rows, options);
        encoded.forget(frames);
        reshape?.goOn();
        return { kind: "written" };
      } catch (error) {
        return resultOf(client, error, reshape?.copies() === true);
      }
    },
    foresee: encoded.foresee,
    erase: async (erasures) => {
      try {
        await erased.keep(erasedKeysOf(erasures));
        // A row that is being copied would come through as it was.
        await reshape?.stop();
        const isDone = await eraseRows(client, erasures);
        if (reshape !== undefined) await goOnReshaping();
        return isDone ? { kind: "written" } : ERASING;
      } catch (error) {
        return eraseFailed(error);
      }
    },
    close: async () => {
      await reshape?.stop();
      await client.close();
    },
  };
};

const settings = z.object({
  CLICKHOUSE_URL: z.url().describe("http(s)://host:port of ClickHouse's HTTP interface"),
  CLICKHOUSE_CA_FILE: z.string().optional().describe("PEM file with the CA of ClickHouse; without it the public ones"),
  CLICKHOUSE_USER: z.string().min(1).describe("user of ClickHouse that may create database enchanted and write to it"),
  CLICKHOUSE_PASSWORD: z.string().default("").describe("its password"),
});

/** The ledger's line in the registry. A batch is due a quarter second after its first frame: people watch live. */
export const ledger: SinkKind<typeof settings> = {
  name: SINK,
  settings,
  create: async ({ CLICKHOUSE_URL: url, CLICKHOUSE_CA_FILE: caFile, ...account }, { log }) => {
    const { CLICKHOUSE_USER: username, CLICKHOUSE_PASSWORD: password } = account;
    return createLedgerSink(createSqlClient({ url, username, password, caPem: await readOnlyCa(caFile) }), log);
  },
  settles: true,
  limits: { maxFrames: 8192, maxBytes: 8 * 1024 * 1024, lingerMs: 250, ackWaitMs: 120_000 },
};
