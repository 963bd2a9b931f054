import { SpanStatusCode, type Context, type Span, type Tracer } from "@opentelemetry/api";
import { RecorderUnavailable } from "#nervous-system/comms/socket/socket-ipc.ts";
import { Enchanted } from "#nervous-system/codecs/genai.ts";
import { AgentStopped, type AgentFailure } from "../engine/limits.ts";
import { isRepositoryFailure } from "../workspace/repository.ts";

/** How an agent's attempt ended. */
export type AgentOutcome =
  | {
      readonly kind: "succeeded";
      readonly message: string;
      /** What was proposed, where anything was. */
      readonly headSha?: string;
    }
  | { readonly kind: "failed"; readonly failure: AgentFailure; readonly error: unknown }
  | { readonly kind: "stopped"; readonly message: string };

/** Who acts, on what, where: the attributes of the cycle's span. */
type AgentCycle = {
  readonly tracer: Tracer;
  /** The mission's trace. */
  readonly parent: Context;
  readonly agent: string;
  readonly mission: string;
  readonly attempt: number;
  readonly task: string;
  readonly node: string;
  /** Aborts when the agent is asked to stop. */
  readonly signal: AbortSignal;
};

/** The failure that an error means; what nobody foresaw is `AgentError` and may be tried again. */
export const failureOf = (error: unknown): AgentFailure => {
  if (error instanceof AgentStopped) return error.failure;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RecorderUnavailable) return { reason: "RecorderUnavailable", message, retry: true };
  if (isRepositoryFailure(error)) return { reason: "RepositoryFailed", message, retry: true };
  return { reason: "AgentError", message, retry: true };
};

/** Whether an error says that nothing can be recorded any more. */
export const isRecordGone = (error: unknown): boolean =>
  ["RecorderUnavailable", "RecordRefused"].includes(failureOf(error).reason);

const settle = (span: Span, cycle: AgentCycle, error: unknown): AgentOutcome => {
  if (cycle.signal.aborted) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: "stopped" });
    return { kind: "stopped", message: "the agent was asked to stop" };
  }
  const failure = failureOf(error);
  span.recordException(error instanceof Error ? error : new Error(String(error)));
  span.setStatus({ code: SpanStatusCode.ERROR, message: `${failure.reason}: ${failure.message}` });
  return { kind: "failed", failure, error };
};

/** Runs one attempt of an agent inside the span `agent_execution_cycle`; whatever `work` throws becomes the outcome. */
export const runAgentCycle = (
  cycle: AgentCycle,
  work: (span: Span) => Promise<AgentOutcome>,
): Promise<AgentOutcome> => {
  const attributes = {
    [Enchanted.agentId]: cycle.agent,
    [Enchanted.taskDescription]: cycle.task,
    [Enchanted.node]: cycle.node,
    [Enchanted.mission]: cycle.mission,
    [Enchanted.attempt]: cycle.attempt,
    [Enchanted.eventId]: "lifecycle", // the scribe's frames tell of beginning and end
  };
  return cycle.tracer.startActiveSpan(Enchanted.cycleSpan, { attributes }, cycle.parent, async (span) => {
    try {
      const outcome = await work(span);
      span.setStatus({ code: SpanStatusCode.OK });
      return outcome;
    } catch (error) {
      return settle(span, cycle, error);
    } finally {
      span.end();
    }
  });
};
