import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import type { AnswerFacts } from "#nervous-system/codecs/exchange/answer-reader.ts";
import type { ContextWindow } from "#nervous-system/codecs/exchange/context-window.ts";
import { answerMembers, requestMembers } from "#nervous-system/codecs/exchange/model-call-members.ts";
import type { RequestFacts } from "#nervous-system/codecs/exchange/request-facts.ts";
import type { Agent, Mission, Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";

/** One exchange, as far as its frame tells it. */
export type ExchangeFacts = {
  readonly agent: Agent;
  readonly attempt: number;
  readonly mission: Mission;
  readonly model: Model;
  readonly contextWindow: ContextWindow;
  readonly request: RequestFacts;
  readonly requestBlob: string;
  readonly answer: AnswerFacts;
  readonly answerBlob?: string | undefined;
  /** HTTP status of the provider; 0 when it gave none. */
  readonly status: number;
  readonly latencyMs: number;
  readonly firstTokenMs?: number | undefined;
  readonly requestId?: string | undefined;
  /** What of the answer could not be read, and why. */
  readonly unread?: string | undefined;
  readonly error?: string | undefined;
  readonly trace?: TraceIds | undefined;
};

// Words of the endpoint, which may be of any length.
const maxErrorCharacters = 2_000;

const contextWindowOf = ({ hashes, omitted }: ContextWindow): Record<string, unknown> =>
  omitted === 0 ? { context_window: hashes } : { context_window: hashes, context_window_omitted: omitted };

const present = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Renders the MODEL_CALL frame of an exchange. */
export const renderModelCall = (facts: ExchangeFacts): ComponentEvent => ({
  eventType: "MODEL_CALL",
  payload: present({
    provider: facts.model.spec.provider,
    model: facts.model.spec.model,
    ...contextWindowOf(facts.contextWindow),
    ...requestMembers(facts.request),
    ...answerMembers(facts.answer),
    first_token_ms: facts.firstTokenMs,
    latency_ms: facts.latencyMs,
    status: facts.status,
    request_id: facts.requestId,
    request_blob: facts.requestBlob,
    response_blob: facts.answerBlob,
    unread: facts.unread,
    ...present({ error: facts.error?.slice(0, maxErrorCharacters) }),
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
