import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { EngineReply, EngineRequest, RunRequest, RunSummary } from "./engine-protocol.ts";
import { ClickHouseException, exceptionFrom } from "./exception.ts";

/** The engine's process as its supervisor sees it. */
export type EngineChild = {
  readonly send: (request: EngineRequest) => void;
  readonly onReply: (listener: (reply: EngineReply) => void) => void;
  /** Called once, when the process has ended; `how` names its exit code or signal. */
  readonly onExit: (listener: (how: string) => void) => void;
  readonly kill: () => void;
};

/** What the supervisor works with. */
export type EngineOptions = { readonly spawn: () => EngineChild; readonly clock: Clock; readonly log: Log };

/** The engine behind a supervisor that starts it again when it dies. */
export type Engine = {
  /** Facts of the engine, undefined while it is not running. */
  readonly facts: () => { readonly version: string; readonly timezone: string } | undefined;
  /** Runs a statement; rejects with ClickHouseException, code 210 when the engine died under it. */
  readonly run: (request: Omit<RunRequest, "type">) => Promise<RunSummary>;
  /** Cancels a running statement, which then rejects with code 394. */
  readonly kill: (id: number) => void;
  /** The engine's query id of every running request. */
  readonly queryIds: (id: number) => Promise<Readonly<Record<number, string>>>;
  readonly endSession: (sessionKey: string) => void;
  /** Ends the process after its running statements; done when it is gone. */
  readonly stop: () => Promise<void>;
};

type Waiting = {
  readonly resolve: (reply: EngineReply) => void;
  readonly reject: (error: ClickHouseException) => void;
};

const READY_WAIT_MS = 30_000;
const RESTART_FIRST_MS = 100;
const RESTART_CAP_MS = 5_000;
const STOP_GRACE_MS = 10_000;

const unavailable = (message: string): ClickHouseException => new ClickHouseException(210, "NETWORK_ERROR", message);

/** Starts the engine's process and keeps one running until `stop`. */
export const superviseEngine = ({ spawn, clock, log }: EngineOptions): Engine => {
  const waiting = new Map<number, Waiting>();
  let facts: { version: string; timezone: string } | undefined;
  let child: EngineChild | undefined;
  let failures = 0;
  let stopping = false;
  let ready = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();

  const settle = (reply: EngineReply): void => {
    if (reply.type === "ready") {
      facts = { version: reply.version, timezone: reply.timezone };
      failures = 0;
      log.info({ ...facts }, "the ClickHouse engine is ready");
      return ready.resolve();
    }
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.type === "failed") waiter?.reject(exceptionFrom(reply.message));
    else waiter?.resolve(reply);
  };

  const ended = (how: string): void => {
    if (facts !== undefined) ready = Promise.withResolvers();
    facts = undefined;
    child = undefined;
    const lost = [...waiting.values()];
    waiting.clear();
    for (const { reject } of lost)
      reject(unavailable(`The ClickHouse engine ended (${how}) while this statement ran. It is starting again: retry`));
    if (stopping) return gone.resolve();
    const delayMs = Math.min(RESTART_CAP_MS, RESTART_FIRST_MS * 2 ** failures++);
    log.error({ how, delayMs, lostStatements: lost.length }, "the ClickHouse engine ended; starting it again");
    clock.after(delayMs, start);
  };

  const start = (): void => {
    if (stopping) return gone.resolve();
    child = spawn();
    child.onReply(settle);
    child.onExit(ended);
  };

  const whenReady = async (): Promise<void> => {
    if (facts !== undefined) return;
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(READY_WAIT_MS, () =>
      late.reject(unavailable(`The ClickHouse engine was not ready within ${READY_WAIT_MS / 1000} s: retry later`)),
    );
    await Promise.race([ready.promise, late.promise]).finally(cancel);
  };

  const ask = async <T extends EngineReply["type"]>(request: EngineRequest & { readonly id: number }, type: T) => {
    await whenReady();
    const answer = Promise.withResolvers<EngineReply>();
    waiting.set(request.id, answer);
    child?.send(request);
    const reply = await answer.promise;
    if (reply.type !== type) throw new Error(`the engine process answered ${reply.type} to ${request.type}`);
    return reply as Extract<EngineReply, { type: T }>;
  };

  const stop = async (): Promise<void> => {
    stopping = true;
    if (child === undefined) return;
    child.send({ type: "stop" });
    const cancel = clock.after(STOP_GRACE_MS, () => child?.kill());
    await gone.promise.finally(cancel);
  };

  start();
  return {
    facts: () => facts,
    run: (request) => ask({ ...request, type: "run" }, "done"),
    kill: (id) => child?.send({ type: "kill", id }),
    queryIds: async (id) => (await ask({ type: "processes", id }, "processes")).queryIds,
    endSession: (sessionKey) => child?.send({ type: "end-session", sessionKey }),
    stop,
  };
};
