import * as z from "zod";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { createReadClient, type ReadClient } from "#nervous-system/stores/clickhouse/read-client.ts";
import { ClickHouseFailure } from "#nervous-system/stores/clickhouse/sql-client.ts";
import type { Answer, Asked, ReadStore, ReadStoreKind } from "#pipeline/reader/answer.ts";
import type { ParameterValue } from "#pipeline/reader/parameters.ts";
import { ledgerQueries } from "./queries.ts";

const RETRY_MS = 1_000;

const failureOf = (error: unknown): unknown => {
  if (!(error instanceof ClickHouseFailure)) return error;
  if (error.kind === "limit") {
    const hint = "ask for less: a part of time, a mission or an agent";
    return new GrpcFailure(grpcStatus.resourceExhausted, `the question takes too much of the ledger; ${hint}`);
  }
  return new GrpcFailure(grpcStatus.unavailable, `the ledger does not answer: ${error.message}`, RETRY_MS);
};

async function* orFailure<T>(batches: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* batches;
  } catch (error) {
    throw failureOf(error);
  }
}

/** Moments as ClickHouse reads them; everything else as it is. */
const bound = (value: ParameterValue): unknown =>
  typeof value === "bigint" ? renderTimestamp(value).replace("T", " ").replace("Z", "") : value;

/** The ledger as a store that answers questions. */
export const createLedgerStore = (client: ReadClient): ReadStore => ({
  name: "ledger",
  questions: ledgerQueries.map(({ question }) => question),
  answer: ({ name }, { namespace, values, rows, signal }: Asked): Answer => {
    const found = ledgerQueries.find(({ question }) => question.name === name);
    if (found === undefined) throw new Error(`the ledger does not answer "${name}"`);
    const parameters = Object.fromEntries(Object.entries(values).map(([one, value]) => [one, bound(value)]));
    const params = { ...parameters, namespace, limit: rows };
    return { statement: found.sql, bound: params, batches: orFailure(client.read(found.sql, params, signal)) };
  },
  trouble: () => client.trouble(),
  close: () => client.close(),
});

const settings = z.object({
  CLICKHOUSE_URL: z.url().describe("http(s)://host:port of ClickHouse's HTTP interface"),
  CLICKHOUSE_CA_FILE: z.string().optional().describe("PEM file with the CA of ClickHouse; without it the public ones"),
  CLICKHOUSE_USER: z.string().min(1).describe("user of ClickHouse that may read database enchanted"),
  CLICKHOUSE_PASSWORD: z.string().default("").describe("its password"),
});

/** Longest that one question may take, milliseconds, and what it may take of ClickHouse's memory. */
const limits = { timeMs: 30_000, memoryBytes: 512 * 1024 * 1024 };

/** The ledger's line in the registry. */
export const ledger: ReadStoreKind<typeof settings> = {
  settings,
  open: async ({ CLICKHOUSE_URL: url, CLICKHOUSE_CA_FILE: caFile, ...account }) => {
    const { CLICKHOUSE_USER: username, CLICKHOUSE_PASSWORD: password } = account;
    return createLedgerStore(createReadClient({ url, username, password, caPem: await readOnlyCa(caFile), limits }));
  },
};
