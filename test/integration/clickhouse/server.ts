import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type ClickHouseClient } from "@clickhouse/client";
import { startClickHouse, type ClickHouseOptions, type ClickHouseServer } from "#platform/stores/clickhouse/start.ts";

/** A server of one test file with the unmodified official client for it. */
export type TestServer = {
  readonly server: ClickHouseServer;
  readonly client: ClickHouseClient;
  /** Another client of the same server. */
  readonly connect: (options?: Parameters<typeof createClient>[0]) => ClickHouseClient;
  readonly stop: () => Promise<void>;
};

/** Starts a server in a directory of its own. */
export const startTestServer = async (options: Omit<ClickHouseOptions, "dir"> = {}): Promise<TestServer> => {
  const dir = await mkdtemp(join(tmpdir(), "clickhouse-"));
  const server = await startClickHouse({ ...options, dir });
  const { url, username, password } = server;
  const opened: ClickHouseClient[] = [];
  const connect: TestServer["connect"] = (extra = {}) => {
    // Quiet: tests of failures would fill the output with the client's own log.
    const client = createClient({ url, username, password, max_open_connections: 32, log: { level: 127 }, ...extra });
    opened.push(client);
    return client;
  };
  const client = connect();
  const stop = async (): Promise<void> => {
    await Promise.all(opened.map((one) => one.close()));
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return { server, client, connect, stop };
};

/** The rows of a query as objects. */
export const rowsOf = async <Row>(
  client: ClickHouseClient,
  query: string,
  params: Record<string, unknown> = {},
): Promise<Row[]> => {
  const result = await client.query({ query, query_params: params, format: "JSONEachRow" });
  return result.json<Row>();
};

/** Sends a request without the client, to see the bytes of the interface itself. */
export const post = (
  { url, username, password }: ClickHouseServer,
  query: string,
  body: string | Uint8Array,
  headers = {},
) =>
  fetch(`${url}/?${query}`, {
    method: "POST",
    body,
    headers: { "X-ClickHouse-User": username, "X-ClickHouse-Key": password, ...headers },
  });
