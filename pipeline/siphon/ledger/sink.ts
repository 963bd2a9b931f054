import { isUtf8 } from "node:buffer";
import type { ClickHouseFailure, SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/stored-frame.ts";
import { projectRow } from "#pipeline/siphon/ledger/row.ts";
import { cutsTable, framesTable, migrations } from "#pipeline/siphon/ledger/tables.ts";
import type { Batch, Cut, Sink, SinkResult } from "#pipeline/siphon/sink.ts";

const SINK = "ledger";

type CutRow = { first_seq: string | number; last_seq: string | number };

const resultOf = (failure: ClickHouseFailure): SinkResult => {
  const reason = failure.message;
  if (failure.kind === "data") return { kind: "rejected", reason };
  return failure.kind === "schema" ? { kind: "lost", reason } : { kind: "retryable", reason };
};

/** ClickHouse keeps text as bytes, but its JSON input does not: what is not UTF-8 would be kept as something else. */
const isKeepable = ({ bytes }: StoredFrame): boolean => isUtf8(bytes);

/** The same cut has the same token, so that ClickHouse takes it once. */
const tokenOf = ({ stream, from, to }: Cut): string => `${SINK}/${stream}/${from}-${to}`;

/** The ledger: every frame a row of ClickHouse. */
export const createLedgerSink = (client: SqlClient): Sink => ({
  name: SINK,
  prepare: async () => {
    for (const statement of migrations) await client.command(statement);
  },
  lastCut: async (stream) => {
    const [row] = await client.query<CutRow>(
      `SELECT first_seq, last_seq FROM ${cutsTable} FINAL WHERE sink = {sink:String} AND stream = {stream:String}`,
      { sink: SINK, stream },
    );
    return row && { stream, from: Number(row.first_seq), to: Number(row.last_seq) };
  },
  keepCut: ({ stream, from, to }) =>
    client.insert(cutsTable, [{ sink: SINK, stream, first_seq: from, last_seq: to }], {}),
  write: async ({ cut, frames }: Batch, signal) => {
    if (frames.length === 0) return { kind: "written" };
    if (!frames.every(isKeepable)) return { kind: "rejected", reason: "a frame is not UTF-8" };
    try {
      await client.insert(framesTable, frames.map(projectRow), { token: tokenOf(cut), signal });
      return { kind: "written" };
    } catch (error) {
      return resultOf(error as ClickHouseFailure);
    }
  },
  close: () => client.close(),
});
