import { createReadStream } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { answerRows, type Recipient } from "./answer-rows.ts";
import { answerNothing, type AnswerFrame } from "./answer.ts";
import { decoded, negotiate } from "./compression.ts";
import type { Engine } from "./engine-client.ts";
import type { RunRequest, RunSummary } from "./engine-protocol.ts";
import { ClickHouseException } from "./exception.ts";
import type { FifoPool } from "./fifo-pool.ts";
import type { HttpSessions } from "./http-sessions.ts";
import { parseMultipart } from "./multipart.ts";
import { readAsked, spool } from "./request-body.ts";
import type { QueryRequest } from "./request.ts";
import type { Slots } from "./slots.ts";
import { parseStatement, selectIntoFile, withEngineQueryIds, type Statement } from "./statement.ts";

/** What queries are answered with. */
export type QueryDeps = {
  readonly engine: Engine;
  readonly fifos: FifoPool;
  readonly sessions: HttpSessions;
  readonly slots: Slots;
  readonly spoolDir: string;
  readonly clock: Clock;
  /** Request number by the query id of its client, for every query under way. */
  readonly running: Map<string, number>;
  readonly nextId: () => number;
};

/** One query of an authenticated user on its way to an answer. */
export type Exchange = {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly request: QueryRequest;
  readonly user: string;
  readonly readonly: boolean;
  readonly frame: AnswerFrame;
};

type Prepared = { readonly statement: Statement; readonly spoolPath?: string };
type Base = Omit<RunRequest, "type" | "sql" | "output">;

const refuseNative = (request: QueryRequest): void => {
  if (request.nativeCompression)
    throw new ClickHouseException(
      48,
      "NOT_IMPLEMENTED",
      "compress=1 and decompress=1 (ClickHouse block compression) are not served here: use Content-Encoding and enable_http_compression=1",
    );
};

const withFields = (request: QueryRequest, fields: readonly (readonly [string, string])[]): QueryRequest => {
  const params = fields.filter(([name]) => name.startsWith("param_"));
  const query = fields.find(([name]) => name === "query")?.[1] ?? "";
  return {
    ...request,
    query: request.query + query,
    params: { ...request.params, ...Object.fromEntries(params.map(([name, value]) => [name.slice(6), value])) },
  };
};

const prepare = async (
  deps: QueryDeps,
  request: QueryRequest,
  body: ReturnType<typeof decoded>,
  id: number,
): Promise<Prepared> => {
  const asked = await readAsked(request.query, body);
  if (asked.kind === "statement") return { statement: parseStatement(asked.sql) };
  const spoolPath = join(deps.spoolDir, `${id}.rows`);
  try {
    await spool(asked.data, spoolPath);
  } catch (error) {
    await rm(spoolPath, { force: true });
    throw error;
  }
  const { format, sqlFor } = asked.insert;
  return { spoolPath, statement: { kind: "command", sql: sqlFor(spoolPath), insert: true, format } };
};

const killTarget = async (deps: QueryDeps, sql: string, id: number): Promise<string> => {
  const ids = await deps.engine.queryIds(deps.nextId());
  return withEngineQueryIds(sql, (queryId) => {
    const target = deps.running.get(queryId);
    return target === undefined || target === id ? undefined : ids[target];
  });
};

const runCommand = async (
  deps: QueryDeps,
  exchange: Recipient,
  base: Base,
  statement: Statement & { kind: "command" },
) => {
  const killing = /^\s*KILL\b/i.test(statement.sql);
  const sql = killing ? await killTarget(deps, statement.sql, base.id) : statement.sql;
  const path = join(deps.spoolDir, `${base.id}.answer`);
  const { format = "TabSeparated" } = exchange.frame;
  await writeFile(path, "", { mode: 0o600 });
  try {
    const summary = await deps.engine.run({ ...base, sql, output: { format, path } });
    const rows = createReadStream(path);
    await answerRows(exchange, { rows, outcome: Promise.resolve(summary) }, deps.clock);
  } finally {
    await rm(path, { force: true });
  }
};

const runInsert = async (deps: QueryDeps, to: Recipient, base: Base, sql: string): Promise<void> =>
  answerNothing(to.response, to.frame, await deps.engine.run({ ...base, sql }));

const runToFile = async (deps: QueryDeps, to: Recipient, base: Base, statement: Statement & { kind: "select" }) => {
  const path = join(deps.spoolDir, `${base.id}.answer`);
  await writeFile(path, "", { mode: 0o600 });
  try {
    const summary = await deps.engine.run({ ...base, sql: selectIntoFile(statement, path, to.frame.format ?? "") });
    await answerRows(to, { rows: createReadStream(path), outcome: Promise.resolve(summary) }, deps.clock);
  } finally {
    await rm(path, { force: true });
  }
};

const runStreaming = async (deps: QueryDeps, to: Recipient, base: Base, statement: Statement & { kind: "select" }) => {
  const fifo = await deps.fifos.take();
  const leave = (): void => {
    fifo.rows.destroy();
    deps.engine.kill(base.id);
  };
  to.gone.addEventListener("abort", leave, { once: true });
  const outcome: Promise<RunSummary> = deps.engine
    .run({ ...base, sql: selectIntoFile(statement, fifo.path, to.frame.format ?? "") })
    .finally(fifo.finish);
  // Awaited only after the rows; until then a failure must not count as unhandled.
  outcome.catch(() => undefined);
  try {
    await answerRows(to, { rows: fifo.rows, outcome }, deps.clock);
  } finally {
    // The pipe may be used again only when the engine has let go of it.
    await outcome.catch(() => undefined);
    fifo.release();
  }
};

const run = (
  deps: QueryDeps,
  to: Recipient,
  base: Base,
  request: QueryRequest,
  statement: Statement,
): Promise<void> => {
  if (statement.kind === "select")
    return request.waitEndOfQuery ? runToFile(deps, to, base, statement) : runStreaming(deps, to, base, statement);
  return statement.insert ? runInsert(deps, to, base, statement.sql) : runCommand(deps, to, base, statement);
};

const goneSignal = (response: ServerResponse): AbortSignal => {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
};

const register = (deps: QueryDeps, queryId: string, id: number): (() => void) => {
  if (deps.running.has(queryId))
    throw new ClickHouseException(
      216,
      "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
      `Query with id = ${queryId} is already running`,
    );
  deps.running.set(queryId, id);
  return () => void deps.running.delete(queryId);
};

const serve = async (deps: QueryDeps, exchange: Exchange, request: QueryRequest, prepared: Prepared, id: number) => {
  const session = request.session && deps.sessions.take(exchange.user, request.session);
  const release = await deps.slots.take();
  try {
    const { statement } = prepared;
    const gone = goneSignal(exchange.response);
    const encoding = negotiate(
      String(exchange.message.headers["accept-encoding"] ?? ""),
      request.settings["enable_http_compression"] === "1",
    );
    const frame = {
      ...exchange.frame,
      encoding,
      format:
        statement.kind === "command" && statement.insert
          ? request.defaultFormat
          : (statement.format ?? request.defaultFormat),
      insert: statement.kind === "command" && statement.insert,
    };
    const base: Base = {
      id,
      settings: exchange.readonly ? { ...request.settings, readonly: "1" } : request.settings,
      params: request.params,
      ...(session ? { sessionKey: session.key } : {}),
      ...(request.database === undefined ? {} : { database: request.database }),
    };
    await run(deps, { response: exchange.response, frame, gone }, base, request, statement);
  } finally {
    release();
    session?.release();
  }
};

/** Runs one query and answers it; throws what happened before anything was answered. */
export const handleQuery = async (deps: QueryDeps, exchange: Exchange): Promise<void> => {
  refuseNative(exchange.request);
  const id = deps.nextId();
  const unregister = register(deps, exchange.request.queryId, id);
  let prepared: Prepared | undefined;
  try {
    const { message } = exchange;
    const body = decoded(message, message.headers["content-encoding"]);
    const type = message.headers["content-type"] ?? "";
    const multipart = /^multipart\/form-data/i.test(type);
    const request = multipart
      ? withFields(exchange.request, parseMultipart(type, await buffer(body)))
      : exchange.request;
    prepared = await prepare(deps, request, body, id);
    await serve(deps, exchange, request, prepared, id);
  } finally {
    unregister();
    if (prepared?.spoolPath !== undefined) await rm(prepared.spoolPath, { force: true });
  }
};
