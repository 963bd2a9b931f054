import type { TraceIds } from "#nervous-system/recorder/identity.ts";
import type { AnswerFacts } from "#nervous-system/telemetry/exchange/answer-reader.ts";
import { computeContextWindow } from "#nervous-system/telemetry/exchange/context-window.ts";
import type { Agent, Mission, Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentFrame } from "#nervous-system/recorder/component.ts";

/** One exchange, as far as its frame tells it. */
export type ExchangeFacts = {
  readonly agent: Agent;
  readonly attempt: number;
  readonly mission: Mission;
  readonly model: Model;
  readonly request: Readonly<Record<string, unknown>>;
  readonly requestBlob: string;
  readonly answer: AnswerFacts;
  readonly answerBlob?: string | undefined;
  /** HTTP status of the provider; 0 when it gave none. */
  readonly status: number;
  readonly latencyMs: number;
  readonly error?: string | undefined;
  readonly trace?: TraceIds | undefined;
};

// A frame holds 256 KiB and a hash takes 67 bytes of it; the request's blob has the whole window.
const maxHashes = 2_000;
const maxErrorCharacters = 2_000;

const contextWindowOf = (request: ExchangeFacts["request"]): Record<string, unknown> => {
  const hashes = computeContextWindow(request);
  if (hashes.length <= maxHashes) return { context_window: hashes };
  return { context_window: hashes.slice(-maxHashes), context_window_omitted: hashes.length - maxHashes };
};

const present = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Renders the MODEL_CALL frame of an exchange. */
export const renderModelCall = (facts: ExchangeFacts): ComponentFrame => ({
  eventType: "MODEL_CALL",
  payload: present({
    provider: facts.model.spec.provider,
    model: facts.model.spec.model,
    ...contextWindowOf(facts.request),
    input_tokens: facts.answer.inputTokens,
    output_tokens: facts.answer.outputTokens,
    latency_ms: facts.latencyMs,
    stop_reason: facts.answer.stopReason,
    status: facts.status,
    request_blob: facts.requestBlob,
    response_blob: facts.answerBlob,
    error: (facts.error ?? facts.answer.error)?.slice(0, maxErrorCharacters),
  }),
  subject: {
    mission_uid: facts.mission.metadata.uid,
    mission: facts.mission.metadata.name,
    namespace: facts.mission.metadata.namespace ?? "",
    about: { agent_uid: facts.agent.metadata.uid, epoch: facts.attempt },
  },
  trace: facts.trace,
});

/** The trace that a `traceparent` header names; undefined when it is missing or malformed. */
export const parseTraceparent = (header: string | undefined): TraceIds | undefined => {
  const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(header?.trim() ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId };
};
