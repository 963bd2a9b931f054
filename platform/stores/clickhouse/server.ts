import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { Log } from "#nervous-system/kernel/log.ts";
import { answerException, type AnswerFormat } from "./answer.ts";
import { authenticate, credentialsOf, type Users } from "./authenticate.ts";
import { asException } from "./exception.ts";
import { handleQuery, type QueryDeps } from "./query-handler.ts";
import { parseRequest } from "./request.ts";

/** A certificate chain and its key, PEM. */
export type TlsIdentity = { readonly cert: string; readonly key: string };

/** What the HTTP server is made of; HTTPS with an identity. */
export type ServerOptions = QueryDeps & {
  readonly users: Users;
  readonly log: Log;
  readonly makeId: () => string;
  readonly tls?: TlsIdentity | undefined;
};

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

type Failing = { readonly message: IncomingMessage; readonly response: ServerResponse; readonly frame: AnswerFormat };

const UNAUTHENTICATED = 516;
const UNEXPECTED = 1002;

const fail = (
  { log }: ServerOptions,
  { message, response, frame }: Failing,
  thrown: unknown,
  anonymous: boolean,
): void => {
  if (response.destroyed) return;
  const error = asException(thrown);
  if (error.code === UNEXPECTED)
    log.error({ queryId: frame.queryId, err: String(thrown) }, "a query failed inside the server");
  const challenge = error.code === UNAUTHENTICATED && anonymous;
  if (challenge) response.setHeader("WWW-Authenticate", 'Basic realm="ClickHouse server HTTP API"');
  // A body read in part leaves its rest in the connection; one not begun is skipped by Node.
  if (message.readableDidRead && !message.complete) response.setHeader("Connection", "close");
  answerException(response, frame, error, challenge ? 401 : undefined);
};

const goneSignal = (response: ServerResponse): AbortSignal => {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
};

const answerQuery = async (
  options: ServerOptions,
  message: IncomingMessage,
  response: ServerResponse,
  url: URLSearchParams,
) => {
  const request = parseRequest(message, url, options.makeId);
  const facts = options.engine.facts();
  const frame: AnswerFormat = {
    queryId: request.queryId,
    version: facts?.version ?? "starting",
    timezone: facts?.timezone ?? "UTC",
    exceptionTag: options.makeId().replaceAll("-", "").slice(0, 16),
    format: request.defaultFormat,
    insert: false,
  };
  const gone = goneSignal(response);
  const credentials = credentialsOf(message.headers, url);
  try {
    const user = authenticate(options.users, credentials);
    const readonly = options.users[user]?.readonly === true;
    await handleQuery(options, { message, response, request, user, readonly, frame, gone });
  } catch (error) {
    fail(options, { message, response, frame }, error, credentials === undefined);
  }
};

const route = (options: ServerOptions, message: IncomingMessage, response: ServerResponse): void => {
  const url = URL.parse(`http://clickhouse${message.url ?? "/"}`);
  if (url === null) return plain(response, 400, "The URL is not valid\n");
  if (url.pathname === "/ping" || url.pathname === "/replicas_status") return health(options, response);
  if (url.pathname !== "/") return plain(response, 404, `There is no handle ${url.pathname}\n`);
  if (message.method === "GET" && !url.searchParams.has("query")) return health(options, response);
  if (message.method !== "GET" && message.method !== "POST")
    return plain(response, 501, "Only GET and POST are served\n");
  answerQuery(options, message, response, url.searchParams).catch((error: unknown) => {
    options.log.error({ err: String(error) }, "an answer failed");
    response.destroy();
  });
};

/** The HTTP server of ClickHouse's interface, not yet listening. */
export const createHttpServer = (options: ServerOptions): Server | TlsServer => {
  const limits = { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 };
  const answer = (message: IncomingMessage, response: ServerResponse): void => route(options, message, response);
  return options.tls === undefined
    ? createServer(limits, answer)
    : createTlsServer({ ...limits, ...options.tls }, answer);
};
