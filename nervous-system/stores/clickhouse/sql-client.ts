import { createClient } from "@clickhouse/client";

/** Where ClickHouse is and who we are. */
export type ClickHouseOptions = {
  /** `http(s)://host:port` of the HTTP interface. */
  readonly url: string;
  /** The CA that alone its certificate may come from, PEM; the public ones without it. */
  readonly caPem?: string | undefined;
  readonly username: string;
  readonly password: string;
  readonly requestTimeoutMs?: number;
};

/** A row that was made into JSON beforehand. */
export class EncodedRow {
  readonly json: string;

  constructor(row: object) {
    this.json = JSON.stringify(row);
  }
}

const stringify = (value: unknown): string => (value instanceof EncodedRow ? value.json : JSON.stringify(value));

/** ClickHouse as far as the product uses it. Everything rejects with `ClickHouseFailure`. */
export type SqlClient = {
  /** Runs a statement that answers no rows, with bound parameters. */
  command(query: string, params?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Runs a query with bound parameters. */
  query<Row>(query: string, params?: Readonly<Record<string, unknown>>): Promise<Row[]>;
  /** Inserts rows; the same token inserts the same rows once. */
  insert(table: string, rows: readonly object[], options: { token?: string; signal?: AbortSignal }): Promise<void>;
  close(): Promise<void>;
};

/** What ClickHouse, or the way to it, answered instead of a result. */
export class ClickHouseFailure extends Error {
  override readonly name = "ClickHouseFailure";
  /**
   * `data`: the rows cannot be stored as they are. `schema`: a table, a column or the database is not there. `limit`: the statement
   * takes more time or memory than it may. `passing`: everything else, from a server that is away to one that is full.
   */
  readonly kind: "data" | "schema" | "limit" | "passing";

  constructor(kind: ClickHouseFailure["kind"], message: string, cause: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/** Codes of ClickHouse's ErrorCodes.cpp that say the rows themselves are wrong. */
const DATA_CODES: ReadonlySet<string> = new Set([
  "6", // CANNOT_PARSE_TEXT
  "26", // CANNOT_PARSE_QUOTED_STRING
  "27", // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  "38", // CANNOT_PARSE_DATE
  "41", // CANNOT_PARSE_DATETIME
  "53", // TYPE_MISMATCH
  "69", // ARGUMENT_OUT_OF_BOUND
  "70", // CANNOT_CONVERT_TYPE
  "72", // CANNOT_PARSE_NUMBER
  "117", // INCORRECT_DATA
  "131", // TOO_LARGE_STRING_SIZE
]);

/** UNKNOWN_TABLE, UNKNOWN_DATABASE, NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER. */
const SCHEMA_CODES: ReadonlySet<string> = new Set(["60", "81", "16", "47"]);

/** TOO_MANY_ROWS, TIMEOUT_EXCEEDED, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES. */
const LIMIT_CODES: ReadonlySet<string> = new Set(["158", "159", "241", "307", "396"]);

const kindOf = (code: string): ClickHouseFailure["kind"] => {
  if (DATA_CODES.has(code)) return "data";
  if (SCHEMA_CODES.has(code)) return "schema";
  return LIMIT_CODES.has(code) ? "limit" : "passing";
};

/** Of an exception amid rows the code stands in its text alone: `Code: 159. DB::Exception: …`. */
const codeAmidRows = (message: unknown): string | undefined => /^Code: (\d+)\./.exec(String(message))?.[1];

/** Reads whatever the client rejected with; what is read already stays what it is. */
export const toClickHouseFailure = (error: unknown): ClickHouseFailure => {
  if (error instanceof ClickHouseFailure) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const known = typeof code === "string" ? code : String(codeAmidRows(message));
  return new ClickHouseFailure(kindOf(known), `ClickHouse (${known}): ${String(message ?? error)}`, error);
};

const REQUEST_TIMEOUT_MS = 60_000;
const NO_CLICKHOUSE = "whoever answers the insert is no ClickHouse: its answer has no summary";

const orFailure = async <T>(request: Promise<T>): Promise<T> => {
  try {
    return await request;
  } catch (error) {
    throw toClickHouseFailure(error);
  }
};

/** Creates a client; it connects with its first statement. */
export const createSqlClient = (options: ClickHouseOptions): SqlClient => {
  const { url, username, password, caPem } = options;
  const client = createClient({
    url,
    username,
    password,
    ...(caPem === undefined ? {} : { tls: { ca_cert: Buffer.from(caPem) } }),
    request_timeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    json: { parse: JSON.parse, stringify },
    // What it would log is in the error that it throws.
    log: { level: 127 },
  });
  return {
    command: async (query, params = {}) => {
      await orFailure(client.command({ query, query_params: { ...params } }));
    },
    query: async <Row>(query: string, params: Readonly<Record<string, unknown>> = {}) => {
      const result = await orFailure(client.query({ query, query_params: { ...params }, format: "JSONEachRow" }));
      return orFailure(result.json<Row>());
    },
    insert: async (table, rows, { token, signal }) => {
      if (signal?.aborted) throw toClickHouseFailure(signal.reason);
      const inserted = client.insert({
        table,
        values: rows,
        format: "JSONEachRow",
        clickhouse_settings: {
          date_time_input_format: "best_effort",
          // Whatever the server's profile says: an answer means that the rows are in the table.
          async_insert: 0,
          // A batch may hold frames of many months.
          max_partitions_per_insert_block: "0",
          ...(token === undefined ? {} : { insert_deduplicate: 1, insert_deduplication_token: token }),
        },
        ...(signal === undefined ? {} : { abort_signal: signal }),
      });
      const { executed, summary } = await orFailure(inserted);
      // A page of whoever stands before it, answered with 200, has inserted nothing.
      if (executed && summary === undefined) throw new ClickHouseFailure("passing", NO_CLICKHOUSE, undefined);
    },
    close: () => client.close(),
  };
};
