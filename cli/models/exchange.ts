import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import type { AnswerFacts } from "#nervous-system/codecs/exchange/answer-reader.ts";
import { computeContextWindow } from "#nervous-system/codecs/exchange/context-window.ts";
import { answerMembers, requestMembers } from "#nervous-system/codecs/exchange/model-call-members.ts";
import { requestFactsOf } from "#nervous-system/codecs/exchange/request-facts.ts";
import type { ModelTarget } from "./routes.ts";

const maxHashes = 2000;
const maxErrorChars = 2000;

const parseRequest = (text: string | undefined): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
};

/** Counting tokens names a model and asks none. */
const counting = /[/:](?:(?:count|compute|input)[_-]?tokens|(?:de)?tokenize)(?::\w+)?\/?(?:\?|$)/i;
// Gemini names the model in the path.
const modelInPath = /\/models\/([^/:?]+):\w+/;

/** The model that a request asks; undefined where it asks none, such as one for a list of models. One that could not be read is taken for one that does. */
export const modelOf = (
  { method, url = "" }: { method?: string | undefined; url?: string | undefined },
  text: string | undefined,
): string | undefined => {
  if (method !== "POST" || counting.test(url)) return undefined;
  const named = modelInPath.exec(url)?.[1];
  if (named !== undefined) return named;
  if (text === undefined) return "(the request was not read)";
  const model = parseRequest(text)?.["model"];
  return typeof model === "string" ? model : undefined;
};

/** One exchange that is over. */
export type Exchange = {
  target: ModelTarget;
  model: string;
  /** Undefined where it could not be read. */
  request: string | undefined;
  answer: AnswerFacts;
  /** HTTP status; 0 when there was no answer. */
  status: number;
  latencyMs: number;
  firstTokenMs?: number | undefined;
  requestId?: string | undefined;
  /** What of it could not be read, and why. */
  unread?: string | undefined;
  error?: string | undefined;
};

/** Undefined where no JSON can be made of a message: the call went as its program wrote it, and is recorded all the same. */
const hashesOf = (request: Readonly<Record<string, unknown>>): readonly string[] | undefined => {
  try {
    return computeContextWindow(request);
  } catch {
    return undefined;
  }
};

const windowOf = (request: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const hashes = hashesOf(request);
  if (hashes === undefined) return {};
  if (hashes.length <= maxHashes) return { context_window: hashes };
  return { context_window: hashes.slice(-maxHashes), context_window_omitted: hashes.length - maxHashes };
};

/** What was asked; Gemini's service for Google accounts wraps it. */
const askedIn = (request: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const { request: inner } = request;
  return isJsonObject(inner) ? inner : request;
};

/** The payload of an exchange's MODEL_CALL. */
export const renderModelCall = (exchange: Exchange): Record<string, unknown> => {
  const asked = askedIn(parseRequest(exchange.request) ?? {});
  const { error: told, ...answer } = answerMembers(exchange.answer);
  const payload = {
    provider: exchange.target.provider,
    model: exchange.model,
    ...windowOf(asked),
    ...requestMembers(requestFactsOf(asked)),
    ...answer,
    first_token_ms: exchange.firstTokenMs,
    latency_ms: exchange.latencyMs,
    status: exchange.status,
    request_id: exchange.requestId,
    unread: exchange.unread,
    error: exchange.error?.slice(0, maxErrorChars) ?? told,
  };
  return Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
};
