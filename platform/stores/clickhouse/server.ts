import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Log } from "#nervous-system/kernel/log.ts";
import { answerException, type AnswerFrame } from "./answer.ts";
import { authenticate, credentialsOf, type Users } from "./authenticate.ts";
import { asException, type ClickHouseException } from "./exception.ts";
import { handleQuery, type QueryDeps } from "./query-handler.ts";
import { parseRequest } from "./request.ts";

/** What the HTTP server is made of. */
export type ServerOptions = QueryDeps & { readonly users: Users; readonly log: Log; readonly makeId: () => string };

// ClickHouse's own default for the length of a URL, in which clients send parameters.
const MAX_HEADER_BYTES = 1024 * 1024 + 64 * 1024;
const KEEP_ALIVE_MS = 30_000;

const plain = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, { "Content-Type": "text/plain; charset=UTF-8" }).end(text);
};

const health = ({ engine }: ServerOptions, response: ServerResponse): void =>
  engine.facts() === undefined
    ? plain(response, 503, "The ClickHouse engine is starting: ask again.\n")
    : plain(response, 200, "Ok.\n");

const fail = (
  options: ServerOptions,
  response: ServerResponse,
  frame: AnswerFrame,
  thrown: unknown,
  anonymous: boolean,
) => {
  const error: ClickHouseException = asException(thrown);
  if (response.destroyed) return;
  if (error.code === 1002)
    options.log.error({ queryId: frame.queryId, err: thrown }, "a query failed inside the server");
  if (error.code === 516 && anonymous)
    response.setHeader("WWW-Authenticate", 'Basic realm="ClickHouse server HTTP API"');
  // The rest of a body that nobody reads would be taken for the next request.
  response.setHeader("Connection", "close");
  answerException(response, frame, error, error.code === 516 && anonymous ? 401 : undefined);
};

const answerQuery = async (
  options: ServerOptions,
  message: IncomingMessage,
  response: ServerResponse,
  url: URLSearchParams,
) => {
  const request = parseRequest(message, url, options.makeId);
  const facts = options.engine.facts();
  const frame: AnswerFrame = {
    queryId: request.queryId,
    version: facts?.version ?? "starting",
    timezone: facts?.timezone ?? "UTC",
    exceptionTag: options.makeId().replaceAll("-", "").slice(0, 16),
    insert: false,
  };
  const credentials = credentialsOf(message.headers, url);
  try {
    const user = authenticate(options.users, credentials);
    const readonly = options.users[user]?.readonly === true;
    await handleQuery(options, { message, response, request, user, readonly, frame });
  } catch (error) {
    fail(options, response, frame, error, credentials === undefined);
  }
};

const route = (options: ServerOptions, message: IncomingMessage, response: ServerResponse): void => {
  const url = new URL(message.url ?? "/", "http://clickhouse");
  if (url.pathname === "/ping" || url.pathname === "/replicas_status") return health(options, response);
  if (url.pathname !== "/") return plain(response, 404, `There is no handle ${url.pathname}\n`);
  if (message.method === "GET" && !url.searchParams.has("query")) return health(options, response);
  if (message.method !== "GET" && message.method !== "POST")
    return plain(response, 501, "Only GET and POST are served\n");
  void answerQuery(options, message, response, url.searchParams);
};

/** The HTTP server of ClickHouse's interface, not yet listening. */
export const createHttpServer = (options: ServerOptions): Server => {
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 },
    (message, response) => route(options, message, response),
  );
  return server;
};
