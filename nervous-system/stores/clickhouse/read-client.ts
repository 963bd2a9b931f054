import { createClient } from "@clickhouse/client";
import { toClickHouseFailure, type ClickHouseOptions } from "#nervous-system/stores/clickhouse/sql-client.ts";

/** What a query may take at most; it fails with `limit` beyond. */
export type ReadLimits = { readonly timeMs: number; readonly memoryBytes: number };

/** Some rows, and what the query has read of its tables by then. */
type ReadBatch = {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Bytes of the rows as JSON. */
  readonly bytes: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
};

/** ClickHouse as far as it is read: no statement of this client writes. */
export type ReadClient = {
  /**
   * Runs a query with bound parameters; rows come as they are made, and a slow taker slows it. Times are RFC 3339 in UTC, integers
   * numbers. Throws `ClickHouseFailure`.
   */
  read(query: string, params: Readonly<Record<string, unknown>>, signal: AbortSignal): AsyncIterable<ReadBatch>;
  /** Why it does not answer, or does not let us in; undefined where it does. */
  trouble(): Promise<string | undefined>;
  close(): Promise<void>;
};

type Line = {
  readonly row?: Record<string, unknown>;
  readonly progress?: { readonly read_rows: string; readonly read_bytes: string };
  readonly exception?: string;
};

const settingsOf = ({ timeMs, memoryBytes }: ReadLimits): Record<string, string> => ({
  // Without the right to change anything but these settings, whatever the user may do.
  readonly: "2",
  max_execution_time: String(timeMs / 1000),
  timeout_before_checking_execution_speed: "0",
  max_memory_usage: String(memoryBytes),
  date_time_output_format: "iso",
  output_format_json_quote_64bit_integers: "0",
  output_format_json_quote_denormals: "0",
});

// Each line of progress counts from the beginning.
const withLine = (batch: ReadBatch & { readonly rows: Record<string, unknown>[] }, text: string): typeof batch => {
  const { row, progress, exception } = JSON.parse(text) as Line;
  if (exception !== undefined) throw toClickHouseFailure(new Error(exception));
  if (row !== undefined) batch.rows.push(row);
  const bytes = batch.bytes + (row === undefined ? 0 : text.length);
  if (progress === undefined) return { ...batch, bytes };
  return { ...batch, bytes, rowsRead: Number(progress.read_rows), bytesRead: Number(progress.read_bytes) };
};

/** Creates a client; it connects with its first query. */
export const createReadClient = (options: ClickHouseOptions & { readonly limits: ReadLimits }): ReadClient => {
  const { url, username, password, caPem, limits } = options;
  const client = createClient({
    url,
    username,
    password,
    ...(caPem === undefined ? {} : { tls: { ca_cert: Buffer.from(caPem) } }),
    // Its own limit ends a query first.
    request_timeout: limits.timeMs + 5_000,
    clickhouse_settings: settingsOf(limits),
    log: { level: 127 },
  });
  return {
    async *read(query, params, signal) {
      try {
        const format = "JSONEachRowWithProgress";
        const result = await client.query({ query, query_params: { ...params }, format, abort_signal: signal });
        let read = { rowsRead: 0, bytesRead: 0 };
        for await (const lines of result.stream()) {
          let batch = { rows: [] as Record<string, unknown>[], bytes: 0, ...read };
          for (const { text } of lines) batch = withLine(batch, text);
          read = { rowsRead: batch.rowsRead, bytesRead: batch.bytesRead };
          yield batch;
        }
      } catch (error) {
        throw toClickHouseFailure(error);
      }
    },
    trouble: async () => {
      const answer = await client.ping({ select: true });
      return answer.success ? undefined : toClickHouseFailure(answer.error).message;
    },
    close: () => client.close(),
  };
};
