import type { EngineReply, EngineRequest, RunRequest, RunSummary } from "./engine-protocol.ts";
import { retryLater, superviseEngine, type EngineFacts, type SupervisorOptions } from "./engine-supervisor.ts";
import { exceptionFrom, type ClickHouseException } from "./exception.ts";

/** The engine behind a supervisor that starts it again when it dies. */
export type Engine = {
  /** Facts of the engine, undefined while it is not running. */
  readonly facts: () => EngineFacts | undefined;
  /** Runs a statement; rejects with ClickHouseException, code 210 when the engine died under it. */
  readonly run: (request: Omit<RunRequest, "type">) => Promise<RunSummary>;
  /** Cancels a running statement, which then rejects with code 394. */
  readonly kill: (id: number) => void;
  /** The engine's query id of every running request, by request id. */
  readonly queryIds: (id: number) => Promise<Readonly<Record<number, string>>>;
  readonly endSession: (sessionKey: string) => void;
  /** Ends the process after its running statements; done when it is gone. */
  readonly stop: () => Promise<void>;
};

type Waiting = {
  readonly resolve: (reply: EngineReply) => void;
  readonly reject: (error: ClickHouseException) => void;
};

/** Starts the engine and lets statements be sent to it. */
export const createEngine = (options: Omit<SupervisorOptions, "onReply" | "onLost">): Engine => {
  const waiting = new Map<number, Waiting>();
  const supervisor = superviseEngine({
    ...options,
    onReply: (reply) => {
      const waiter = waiting.get(reply.id);
      waiting.delete(reply.id);
      if (reply.type === "failed") waiter?.reject(exceptionFrom(reply.message));
      else waiter?.resolve(reply);
    },
    onLost: (how) => {
      const lost = [...waiting.values()];
      waiting.clear();
      const message = `The ClickHouse engine ended (${how}) while this statement ran. It is starting again: retry`;
      for (const { reject } of lost) reject(retryLater(message));
    },
  });
  const ask = async <T extends EngineReply["type"]>(request: EngineRequest & { readonly id: number }, type: T) => {
    await supervisor.whenReady();
    const answer = Promise.withResolvers<EngineReply>();
    waiting.set(request.id, answer);
    supervisor.send(request);
    const reply = await answer.promise;
    if (reply.type !== type) throw new Error(`the engine process answered ${reply.type} to ${request.type}`);
    return reply as Extract<EngineReply, { type: T }>;
  };
  return {
    facts: supervisor.facts,
    run: (request) => ask({ ...request, type: "run" }, "done"),
    kill: (id) => supervisor.send({ type: "kill", id }),
    queryIds: async (id) => (await ask({ type: "processes", id }, "processes")).queryIds,
    endSession: (sessionKey) => supervisor.send({ type: "end-session", sessionKey }),
    stop: supervisor.stop,
  };
};
