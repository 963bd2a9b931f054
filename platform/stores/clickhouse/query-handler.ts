import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Recipient } from "./answer-rows.ts";
import type { AnswerFormat } from "./answer.ts";
import { negotiate } from "./compression.ts";
import { ClickHouseException } from "./exception.ts";
import type { HttpSessions } from "./http-sessions.ts";
import { prepareStatement, removeSpool, type Prepared } from "./prepare-statement.ts";
import type { QueryRequest } from "./request.ts";
import { runCommand, runInsert, runStreaming, runToFile, type RunBase, type RunDeps } from "./run-statement.ts";
import type { Slots } from "./slots.ts";

/** What queries are answered with. */
export type QueryDeps = RunDeps & { readonly sessions: HttpSessions; readonly slots: Slots };

/** One query of an authenticated user on its way to an answer. */
export type Exchange = {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly request: QueryRequest;
  readonly user: string;
  /** The user may change settings but no data. */
  readonly readonly: boolean;
  readonly frame: AnswerFormat;
  /** Aborts when the client leaves before its answer is whole. */
  readonly gone: AbortSignal;
};

const frameOf = ({ message, frame }: Exchange, { request, statement }: Prepared): AnswerFormat => {
  const insert = statement.kind === "command" && statement.insert;
  const accept = message.headers["accept-encoding"];
  return {
    ...frame,
    insert,
    format: (insert ? undefined : statement.format) ?? request.defaultFormat,
    encoding: negotiate(
      Array.isArray(accept) ? accept.join(",") : accept,
      request.settings["enable_http_compression"] === "1",
    ),
  };
};

const baseOf = (id: number, request: QueryRequest, sessionKey: string | undefined): RunBase => {
  // A session is kept from writing by the statement's kind: its connection could not be made writable again.
  const { readonly: _kept, ...settings } = request.settings;
  return {
    id,
    settings: sessionKey === undefined ? request.settings : settings,
    params: request.params,
    ...(sessionKey === undefined ? {} : { sessionKey }),
    ...(request.database === undefined ? {} : { database: request.database }),
  };
};

const run = (deps: QueryDeps, to: Recipient, base: RunBase, { request, statement }: Prepared): Promise<void> => {
  if (statement.kind === "select")
    return request.waitEndOfQuery ? runToFile(deps, to, base, statement) : runStreaming(deps, to, base, statement);
  return statement.insert ? runInsert(deps, to, base, statement.sql) : runCommand(deps, to, base, statement);
};

const register = ({ running }: QueryDeps, queryId: string, id: number): (() => void) => {
  if (running.has(queryId))
    throw new ClickHouseException(
      216,
      "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
      `Query with id = ${queryId} is already running`,
    );
  running.set(queryId, id);
  return () => void running.delete(queryId);
};

const once = (run: () => void): (() => void) => {
  let ran = false;
  return () => {
    if (!ran) run();
    ran = true;
  };
};

// A client may send its next query as soon as it has read the last byte of this one, with the same session or query
// id: both must be free before that byte is sent, so they are given back when the engine is done.
const releasing = (deps: QueryDeps, release: () => void): QueryDeps => ({
  ...deps,
  engine: { ...deps.engine, run: (request) => deps.engine.run(request).finally(release) },
});

type Turn = { readonly id: number; readonly unregister: () => void };

const inTurn = async (deps: QueryDeps, exchange: Exchange, prepared: Prepared, { id, unregister }: Turn) => {
  const { gone, response, user } = exchange;
  const session = prepared.request.session && deps.sessions.take(user, prepared.request.session);
  const release = once(() => {
    session?.release();
    unregister();
  });
  const releaseSlot = await deps.slots.take();
  try {
    gone.throwIfAborted();
    const to = { response, frame: frameOf(exchange, prepared), gone };
    await run(releasing(deps, release), to, baseOf(id, prepared.request, session?.key), prepared);
  } finally {
    releaseSlot();
    release();
  }
};

/** Runs one query and answers it; throws what happened before anything was answered. */
export const handleQuery = async (deps: QueryDeps, exchange: Exchange): Promise<void> => {
  const { message, request: asked } = exchange;
  const id = deps.nextId();
  const unregister = once(register(deps, asked.queryId, id));
  const spoolPath = join(deps.spoolDir, `${id}.rows`);
  const request = exchange.readonly ? { ...asked, settings: { ...asked.settings, readonly: "2" } } : asked;
  try {
    await inTurn(deps, exchange, await prepareStatement(message, request, spoolPath), { id, unregister });
  } finally {
    unregister();
    await removeSpool(spoolPath);
  }
};
