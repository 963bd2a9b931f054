import type { IncomingMessage } from "node:http";

/** What a request says beside its statement: by URL parameters and headers. */
export type QueryRequest = {
  readonly queryId: string;
  readonly query: string;
  readonly database?: string;
  readonly defaultFormat: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
  readonly session?: {
    readonly id: string;
    readonly timeoutMs: number;
    readonly mustExist: boolean;
    readonly close: boolean;
  };
  readonly waitEndOfQuery: boolean;
  readonly roles: readonly string[];
  /** Native ClickHouse block compression, which this server does not speak. */
  readonly nativeCompression: boolean;
};

// Parameters of the interface itself; every other one is a setting of the query.
const OWN = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "user",
  "password",
  "quota_key",
  "role",
  "session_id",
  "session_timeout",
  "session_check",
  "close_session",
  "compress",
  "decompress",
  "wait_end_of_query",
  "buffer_size",
  "stacktrace",
  "client_protocol_version",
]);

const DEFAULT_SESSION_SECONDS = 60;

const isOn = (value: string | null): boolean => value !== null && value !== "0" && value !== "" && value !== "false";

const header = (message: IncomingMessage, name: string): string | undefined => {
  const value = message.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

const settingsOf = (url: URLSearchParams, method: string | undefined): Record<string, string> => {
  const given = [...url].filter(([name]) => !OWN.has(name) && !name.startsWith("param_"));
  const settings = Object.fromEntries(given);
  // As the interface defines it: a GET changes nothing, whatever its text.
  return method === "POST" ? settings : { readonly: "2", ...settings };
};

const sessionOf = (url: URLSearchParams): Pick<QueryRequest, "session"> => {
  const id = url.get("session_id");
  if (!id) return {};
  const seconds = Number(url.get("session_timeout") ?? DEFAULT_SESSION_SECONDS) || DEFAULT_SESSION_SECONDS;
  return {
    session: {
      id,
      timeoutMs: seconds * 1000,
      mustExist: isOn(url.get("session_check")),
      close: isOn(url.get("close_session")),
    },
  };
};

/** Reads a request's URL and headers; `makeId` names a query whose client did not. */
export const parseRequest = (message: IncomingMessage, url: URLSearchParams, makeId: () => string): QueryRequest => {
  const params = [...url].filter(([name]) => name.startsWith("param_"));
  const database = url.get("database") || header(message, "x-clickhouse-database");
  return {
    queryId: url.get("query_id") || makeId(),
    query: url.getAll("query").join(""),
    ...(database ? { database } : {}),
    defaultFormat: url.get("default_format") || header(message, "x-clickhouse-format") || "TabSeparated",
    settings: settingsOf(url, message.method),
    params: Object.fromEntries(params.map(([name, value]) => [name.slice("param_".length), value])),
    ...sessionOf(url),
    roles: url.getAll("role"),
    waitEndOfQuery: isOn(url.get("wait_end_of_query")),
    nativeCompression: isOn(url.get("compress")) || isOn(url.get("decompress")),
  };
};
