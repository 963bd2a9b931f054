import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { computeContextWindow, type ContextWindow } from "#nervous-system/codecs/exchange/context-window.ts";
import { renderModelCall } from "#nervous-system/codecs/exchange/model-call.ts";
import { requestFactsOf } from "#nervous-system/codecs/exchange/request-facts.ts";
import type { ModelTarget } from "./routes.ts";
import type { WatchedCall } from "./watch-call.ts";

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

/** A call that is over, and whom it asked. */
type AnsweredCall = WatchedCall & { target: ModelTarget; model: string };

/** Undefined where no JSON can be made of a message: the call went as its program wrote it, and is recorded all the same. */
const windowOf = (request: Readonly<Record<string, unknown>>): ContextWindow | undefined => {
  try {
    return computeContextWindow(request);
  } catch {
    return undefined;
  }
};

/** What was asked; Gemini's service for Google accounts wraps it. */
const askedIn = (request: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const { request: inner } = request;
  return isJsonObject(inner) ? inner : request;
};

/** Renders the payload of a call's MODEL_CALL. */
export const renderWatchedCall = ({ target, ...call }: AnsweredCall): Record<string, unknown> => {
  const asked = askedIn(parseRequest(call.request) ?? {});
  const { error, ...answer } = call.answer; // the last member here, whoever tells it
  return renderModelCall({
    ...call,
    provider: target.provider,
    contextWindow: windowOf(asked),
    request: requestFactsOf(asked),
    answer,
    error: call.error ?? error,
  });
};
