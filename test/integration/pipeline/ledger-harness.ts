import { createClient, type ClickHouseClient } from "@clickhouse/client";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createSqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { createLedgerSink } from "#pipeline/siphon/ledger/sink.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { startClickHouse, type ClickHouseOptions, type ClickHouseServer } from "#platform/stores/clickhouse/start.ts";
import { temporaryDirectory, type Cleanup } from "./bus-harness.ts";

/** A ClickHouse server with ways to it: ours and the official client. */
export type TestLedger = {
  readonly server: ClickHouseServer;
  readonly client: ClickHouseClient;
  sink(): Sink;
  rows<Row>(query: string): Promise<Row[]>;
};

/** The user of the chart's ledger who may only read, as the server's tests know him. */
export const testReader = { username: "enchanted_reader", password: "reads-only" } as const;

/** Starts a ClickHouse server, in a directory of its own unless told; see `ClickHouseOptions`. */
export const startTestLedger = async (
  cleanup: Cleanup,
  options: Partial<Pick<ClickHouseOptions, "dir" | "maxMemoryBytes">> = {},
): Promise<TestLedger> => {
  const users = { [testReader.username]: { password: testReader.password, readonly: true } };
  const dir = options.dir ?? (await temporaryDirectory(cleanup));
  const server = await startClickHouse({ ...options, dir, users });
  cleanup.add(() => server.stop());
  const { url, username, password } = server;
  const client = createClient({ url, username, password, log: { level: 127 } });
  cleanup.add(() => client.close());
  return {
    server,
    client,
    sink: () => createLedgerSink(createSqlClient({ url, username, password, requestTimeoutMs: 10_000 }), silentLog),
    rows: async <Row>(query: string) => (await client.query({ query, format: "JSONEachRow" })).json<Row>(),
  };
};

/** What the ledger holds, as anybody would ask for it. */
export type LedgerFrame = { stream_seq: number; hash: string; frame: string; envelope: string; prev_hash: string };

/** Every frame of the ledger in the stream's order. */
export const ledgerFrames = (ledger: TestLedger): Promise<LedgerFrame[]> => {
  return ledger.rows<LedgerFrame>(
    "SELECT toFloat64(stream_seq) AS stream_seq, hash, frame, envelope, prev_hash FROM enchanted.context_frames FINAL ORDER BY context_frames.stream_seq, hash",
  );
};

/** The same of frames of the stream. */
export const asLedger = (frames: readonly StoredFrame[]): LedgerFrame[] =>
  frames.map((frame) => ({
    stream_seq: frame.place,
    hash: frame.hash,
    frame: Buffer.from(frame.bytes).toString(),
    envelope: frame.envelopeText,
    prev_hash: frame.prevHash,
  }));
