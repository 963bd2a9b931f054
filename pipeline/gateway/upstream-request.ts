import type { IncomingHttpHeaders } from "node:http";
import { maxJsonMembers, maxJsonValues, parseBoundedJson } from "#nervous-system/kernel/bounded-json.ts";
import { computeContextWindow, type ContextWindow } from "#nervous-system/codecs/exchange/context-window.ts";
import { requestFactsOf, type RequestFacts } from "#nervous-system/codecs/exchange/request-facts.ts";
import { tokensOfRequest } from "#nervous-system/codecs/exchange/token-estimate.ts";
import type { ModelSpec } from "#nervous-system/schemas/resources/model.ts";
import { refuseReachingBody, type AllowingModel } from "#pipeline/gateway/reach/judge-reach.ts";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";
import type { ModelRoute } from "#pipeline/gateway/routes.ts";

/** The body of a model call as it goes to the provider. */
export type UpstreamBody = {
  readonly bytes: Buffer;
  readonly contextWindow: ContextWindow;
  readonly facts: RequestFacts;
  /** Tokens of it at a guess, for where the provider does not count them. */
  readonly guessedTokens: number;
  /** Set where we asked for token counts in the stream and the client did not, with its own options: their event is taken out again. */
  readonly added?: { readonly streamOptions: unknown };
};

const parseObject = (bytes: Buffer): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = parseBoundedJson(bytes.toString("utf8"), maxJsonMembers);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

const asksForUsage = (body: Readonly<Record<string, unknown>>): boolean => {
  const options = body["stream_options"];
  return (
    typeof options === "object" && options !== null && "include_usage" in options && options.include_usage === true
  );
};

const streamsChat = (route: ModelRoute, body: Readonly<Record<string, unknown>>): boolean =>
  (route.operation === "chat/completions" || route.operation === "completions") && body["stream"] === true;

const optionsOf = (asked: Readonly<Record<string, unknown>>) => {
  const { stream_options: streamOptions } = asked;
  return { added: { streamOptions }, options: { ...(streamOptions as object | undefined), include_usage: true } };
};

/**
 * Makes the provider's body of the agent's, if the Model allows what it asks for: the Model's name in place of the agent's, and
 * token counts asked for in streams where the endpoint takes that.
 */
export const computeUpstreamBody = (
  bytes: Buffer,
  route: ModelRoute,
  model: AllowingModel,
  takesUsage = true,
): Granted<UpstreamBody> => {
  const asked = parseObject(bytes);
  if (asked === undefined)
    return refused(
      400,
      "invalid_body",
      `the body of a model call must be one JSON object of at most ${maxJsonValues} values and ${maxJsonMembers} members`,
    );
  const reaching = refuseReachingBody(asked, route, model);
  if (reaching !== undefined) return reaching;
  const needsUsage = takesUsage && streamsChat(route, asked) && !asksForUsage(asked);
  const { added, options } = optionsOf(asked);
  const json = { ...asked, model: model.spec.model, ...(needsUsage ? { stream_options: options } : {}) };
  try {
    // Before it is sent: an exchange whose window cannot be told could not be recorded.
    const contextWindow = computeContextWindow(json);
    const sent = Buffer.from(JSON.stringify(json));
    const guessedTokens = tokensOfRequest(json, sent.length);
    const body = { bytes: sent, contextWindow, facts: requestFactsOf(json), guessedTokens };
    return granted({ ...body, ...(needsUsage ? { added } : {}) });
  } catch (error) {
    return refused(400, "invalid_body", `the body cannot be written again as JSON: ${(error as Error).message}`);
  }
};

/** The body as the agent would have sent it, for an endpoint that refuses what was added. */
export const withoutAddition = ({ bytes, added, ...rest }: UpstreamBody): UpstreamBody => {
  const json = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  // Undefined where the agent had none; JSON leaves that out.
  return { ...rest, bytes: Buffer.from(JSON.stringify({ ...json, stream_options: added?.streamOptions })) };
};

// Whatever else an agent sends (cookies, forwarded addresses, organisation headers, a key of its own) stays here.
const passedOn = ["accept", "user-agent", "anthropic-version", "anthropic-beta", "openai-beta"] as const;

/** The headers that the provider sees: a few of the agent's, and the key. */
export const computeUpstreamHeaders = (
  headers: IncomingHttpHeaders,
  provider: ModelSpec["provider"],
  apiKey: string | undefined,
): Record<string, string> => {
  const result: Record<string, string> = { "content-type": "application/json", "accept-encoding": "identity" };
  for (const name of passedOn) {
    const value = headers[name];
    if (typeof value === "string") result[name] = value;
  }
  if (provider === "Anthropic") {
    result["anthropic-version"] ??= "2023-06-01";
    if (apiKey !== undefined) result["x-api-key"] = apiKey;
  } else if (apiKey !== undefined) result["authorization"] = `Bearer ${apiKey}`;
  return result;
};

const kept =
  /^(content-type|content-encoding|retry-after|date|x-request-id|request-id|x-ratelimit-.*|anthropic-ratelimit-.*|cache-control)$/;

/** The headers of the provider's answer that the agent sees. */
export const computeAnswerHeaders = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string] => kept.test(entry[0]) && typeof entry[1] === "string",
    ),
  );
