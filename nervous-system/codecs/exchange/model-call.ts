import type { AnswerFacts } from "./answer-reader.ts";
import type { ContextWindow } from "./context-window.ts";
import { presentOf } from "./fields.ts";
import { answerMembers, maxErrorCharacters, requestMembers } from "./model-call-members.ts";
import type { RequestFacts } from "./request-facts.ts";

/** One exchange with a model that is over, as its frame tells it. */
export type ModelCallFacts = {
  readonly provider: string;
  readonly model: string;
  /** Undefined where no hash can be made of a message. */
  readonly contextWindow: ContextWindow | undefined;
  readonly request: RequestFacts;
  readonly answer: AnswerFacts;
  readonly firstTokenMs?: number | undefined;
  readonly latencyMs: number;
  /** HTTP status of the provider; 0 when it gave none. */
  readonly status: number;
  readonly requestId?: string | undefined;
  readonly requestBlob?: string | undefined;
  readonly answerBlob?: string | undefined;
  /** What of it could not be read, and why. */
  readonly unread?: string | undefined;
  /** Of any length; it stands in place of the one that the answer tells. */
  readonly error?: string | undefined;
};

const windowMembers = ({ hashes, omitted }: ContextWindow): Record<string, unknown> =>
  omitted === 0 ? { context_window: hashes } : { context_window: hashes, context_window_omitted: omitted };

/** Renders the payload of a MODEL_CALL; it fits a frame, whatever program and provider wrote. */
export const renderModelCall = (facts: ModelCallFacts): Record<string, unknown> => ({
  provider: facts.provider,
  model: facts.model,
  ...(facts.contextWindow === undefined ? {} : windowMembers(facts.contextWindow)),
  ...requestMembers(facts.request),
  ...answerMembers(facts.answer),
  ...presentOf({
    first_token_ms: facts.firstTokenMs,
    latency_ms: facts.latencyMs,
    status: facts.status,
    request_id: facts.requestId,
    request_blob: facts.requestBlob,
    response_blob: facts.answerBlob,
    unread: facts.unread,
    error: facts.error?.slice(0, maxErrorCharacters),
  }),
});
