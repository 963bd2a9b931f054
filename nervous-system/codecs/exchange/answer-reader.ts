import { parseBoundedJson } from "#nervous-system/kernel/bounded-json.ts";

/** What an answer of a model says about itself; absent where it does not. */
export type AnswerFacts = {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly stopReason?: string;
  readonly error?: string;
};

/** One decoded event of a streamed answer. */
type StreamStep = {
  /** Whether this event tells the client that the answer is complete. */
  readonly last: boolean;
  /** Whether this event holds nothing but token counts (OpenAI, `stream_options.include_usage`). */
  readonly usageOnly: boolean;
};

/** Gathers the facts of one answer of an OpenAI-compatible or Anthropic endpoint, streamed or whole. */
export type AnswerReader = {
  readEvent(event: { readonly event: string; readonly data: string }): StreamStep;
  readWhole(text: string): void;
  facts(): AnswerFacts;
};

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const numberOf = (...values: readonly unknown[]): number | undefined =>
  values.find((value): value is number => typeof value === "number" && Number.isInteger(value) && value >= 0);
const textOf = (...values: readonly unknown[]): string | undefined =>
  values.find((value): value is string => typeof value === "string" && value !== "");

const parseJson = (text: string): Fields => {
  try {
    return fieldsOf(parseBoundedJson(text));
  } catch {
    return {};
  }
};

// Anthropic counts cached input apart from the rest; together they are what was sent.
const inputTokensOf = (usage: Fields): number | undefined => {
  const plain = numberOf(usage["prompt_tokens"], usage["input_tokens"]);
  if (plain === undefined) return undefined;
  const cached = numberOf(usage["cache_read_input_tokens"]) ?? 0;
  return plain + cached + (numberOf(usage["cache_creation_input_tokens"]) ?? 0);
};

const firstChoice = (body: Fields): Fields => {
  const choices = body["choices"];
  return fieldsOf(Array.isArray(choices) ? choices[0] : undefined);
};

/** The facts of one JSON document: a whole answer or the data of one event, of any of the three protocols. */
const factsOf = (body: Fields): AnswerFacts => {
  // Anthropic opens a stream with {message: {usage}}; the Responses protocol ends one with {response: {usage, status}}.
  const inner = fieldsOf(body["message"] ?? body["response"]);
  const usage = fieldsOf(body["usage"] ?? inner["usage"]);
  const error = body["error"] ?? inner["error"];
  const found = {
    inputTokens: inputTokensOf(usage),
    outputTokens: numberOf(usage["completion_tokens"], usage["output_tokens"]),
    stopReason: textOf(
      firstChoice(body)["finish_reason"],
      body["stop_reason"],
      fieldsOf(body["delta"])["stop_reason"],
      inner["stop_reason"],
      inner["status"] === "in_progress" ? undefined : inner["status"],
    ),
    error: textOf(fieldsOf(error)["message"], error),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
};

const lastEventTypes = new Set([
  "message_stop",
  "response.completed",
  "response.failed",
  "response.incomplete",
  "error",
]);

/** Creates a reader for one answer. */
export const createAnswerReader = (): AnswerReader => {
  let facts: AnswerFacts = {};
  const take = (body: Fields): void => {
    facts = { ...facts, ...factsOf(body) };
  };
  return {
    readEvent: ({ event, data }) => {
      if (data.trim() === "[DONE]") return { last: true, usageOnly: false };
      const body = parseJson(data);
      take(body);
      const choices = body["choices"];
      const empty = Array.isArray(choices) && choices.length === 0;
      const type = event === "" ? textOf(body["type"]) : event;
      return {
        last: type !== undefined && lastEventTypes.has(type),
        usageOnly: empty && typeof body["usage"] === "object" && body["usage"] !== null,
      };
    },
    readWhole: (text) => {
      const body = parseJson(text);
      take(body);
      // Only a whole answer of the Responses protocol carries its own status, such as `completed`.
      const status = body["object"] === "response" ? textOf(body["status"]) : undefined;
      if (status !== undefined) facts = { ...facts, stopReason: status };
    },
    facts: () => facts,
  };
};
