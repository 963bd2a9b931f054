import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { EngineReply, EngineRequest } from "./engine-protocol.ts";
import { ClickHouseException } from "./exception.ts";

/** The engine's process as its supervisor sees it. */
export type EngineChild = {
  readonly send: (request: EngineRequest) => void;
  readonly onReply: (listener: (reply: EngineReply) => void) => void;
  /** Called once, when the process has ended; `how` names its exit code or signal. */
  readonly onExit: (listener: (how: string) => void) => void;
  readonly kill: () => void;
};

/** What the engine said of itself when it started. */
export type EngineFacts = { readonly version: string; readonly timezone: string };

/** What the supervisor works with, and whom it tells. */
export type SupervisorOptions = {
  readonly spawn: () => EngineChild;
  readonly clock: Clock;
  readonly log: Log;
  readonly onReply: (reply: Exclude<EngineReply, { type: "ready" | "pong" }>) => void;
  /** The process has ended: every request sent to it is lost. */
  readonly onLost: (how: string) => void;
};

/** One engine process at a time, started again whenever it ends before `stop`. */
export type Supervisor = {
  readonly facts: () => EngineFacts | undefined;
  /** Resolves while the engine runs; rejects with code 210 when it does not come up. */
  readonly whenReady: () => Promise<void>;
  readonly send: (request: EngineRequest) => void;
  readonly stop: () => Promise<void>;
};

const READY_WAIT_MS = 60_000;
const RESTART_FIRST_MS = 100;
const RESTART_CAP_MS = 5_000;
const STOP_GRACE_MS = 10_000;
const BEAT_MS = 5_000;
const MISSED_BEATS = 6;

/** An exception that says: not now, send it again. */
export const retryLater = (message: string): ClickHouseException =>
  new ClickHouseException(210, "NETWORK_ERROR", message);

type State = {
  child: EngineChild | undefined;
  facts: EngineFacts | undefined;
  /** Ends since the engine was last ready. */
  failures: number;
  /** Pings sent since the last answer. */
  missed: number;
  stopping: boolean;
  ready: PromiseWithResolvers<void>;
  readonly gone: PromiseWithResolvers<void>;
};

// Counted in beats, not in time: a machine that slept must not find its engine guilty.
const beat = (options: SupervisorOptions, state: State, child: EngineChild): void => {
  if (state.child !== child || state.stopping) return;
  if (state.missed >= MISSED_BEATS) {
    options.log.error({ missed: state.missed }, "the ClickHouse engine does not answer; ending it");
    return child.kill();
  }
  state.missed += 1;
  child.send({ type: "ping" });
  options.clock.after(BEAT_MS, () => beat(options, state, child));
};

const becameReady = (options: SupervisorOptions, state: State, facts: EngineFacts): void => {
  state.facts = facts;
  state.failures = 0;
  state.missed = 0;
  options.log.info({ ...facts }, "the ClickHouse engine is ready");
  state.ready.resolve();
  if (state.child !== undefined) beat(options, state, state.child);
};

const ended = (options: SupervisorOptions, state: State, how: string): void => {
  if (state.facts !== undefined) state.ready = Promise.withResolvers();
  state.facts = undefined;
  state.child = undefined;
  options.onLost(how);
  if (state.stopping) return state.gone.resolve();
  const delayMs = Math.min(RESTART_CAP_MS, RESTART_FIRST_MS * 2 ** state.failures);
  state.failures += 1;
  options.log.error({ how, delayMs }, "the ClickHouse engine ended; starting it again");
  options.clock.after(delayMs, () => start(options, state));
};

const start = (options: SupervisorOptions, state: State): void => {
  if (state.stopping) return;
  const child = options.spawn();
  state.child = child;
  child.onReply((reply) => {
    if (reply.type === "ready") becameReady(options, state, { version: reply.version, timezone: reply.timezone });
    else if (reply.type === "pong") state.missed = 0;
    else options.onReply(reply);
  });
  child.onExit((how) => ended(options, state, how));
};

const whenReady = async ({ clock }: SupervisorOptions, state: State): Promise<void> => {
  if (state.facts !== undefined) return;
  const late = Promise.withResolvers<void>();
  const message = `The ClickHouse engine was not ready within ${READY_WAIT_MS / 1000} s: retry later`;
  const cancel = clock.after(READY_WAIT_MS, () => late.reject(retryLater(message)));
  await Promise.race([state.ready.promise, late.promise]).finally(cancel);
};

const stop = async ({ clock }: SupervisorOptions, state: State): Promise<void> => {
  state.stopping = true;
  if (state.child === undefined) return;
  state.child.send({ type: "stop" });
  const cancel = clock.after(STOP_GRACE_MS, () => state.child?.kill());
  await state.gone.promise.finally(cancel);
};

/** Starts the engine's process and keeps one running until `stop`. */
export const superviseEngine = (options: SupervisorOptions): Supervisor => {
  const state: State = {
    child: undefined,
    facts: undefined,
    failures: 0,
    missed: 0,
    stopping: false,
    ready: Promise.withResolvers(),
    gone: Promise.withResolvers(),
  };
  start(options, state);
  return {
    facts: () => state.facts,
    whenReady: () => whenReady(options, state),
    send: (request) => state.child?.send(request),
    stop: () => stop(options, state),
  };
};
