import type { AnswerFacts } from "./answer-reader.ts";
import { presentOf, textOf } from "./fields.ts";
import type { RequestFacts } from "./request-facts.ts";

// A frame holds 256 KiB, most of which the hashes of its messages may take; all of these are words of whoever wrote them.
const maxWordCharacters = 256;
const maxNamesBytes = 16_384;
/** How much of an error's words a frame has. */
export const maxErrorCharacters = 2_000;

const word = (text: string | undefined): string | undefined => text?.slice(0, maxWordCharacters);

/** The first names that fit the frame together; how many do not is told beside them. */
const names = (member: string, all: readonly string[] = []): Record<string, unknown> => {
  let bytes = 0;
  const fit = all.filter((name) => (bytes += Buffer.byteLength(JSON.stringify(name))) <= maxNamesBytes);
  if (fit.length === all.length) return all.length === 0 ? {} : { [member]: all };
  return { [member]: fit, [`${member}_omitted`]: all.length - fit.length };
};

/** The members of a MODEL_CALL that its request tells. */
export const requestMembers = (facts: RequestFacts): Record<string, unknown> => ({
  ...names("tools_offered", facts.toolsOffered),
  ...presentOf({
    effort: word(facts.effort),
    thinking_limit: facts.thinkingLimit,
    output_limit: facts.outputLimit,
  }),
});

/** The members of a MODEL_CALL that its answer tells. */
export const answerMembers = (facts: AnswerFacts): Record<string, unknown> => ({
  ...names("tools_called", facts.toolsCalled),
  ...presentOf({
    model_answered: word(facts.model),
    input_tokens: facts.inputTokens,
    cached_tokens: facts.cachedTokens,
    output_tokens: facts.outputTokens,
    reasoning_tokens: facts.reasoningTokens,
    stop_reason: word(facts.stopReason),
    response_id: word(facts.id),
    error: facts.error?.slice(0, maxErrorCharacters),
  }),
});

// OpenAI and those who follow it, Anthropic, Azure's front, Bedrock, Google's front, Cloudflare.
const requestIdHeaders = [
  "x-request-id",
  "request-id",
  "apim-request-id",
  "x-amzn-requestid",
  "x-goog-request-id",
  "cf-ray",
];

/** The id that a provider's headers give to a request. */
export const requestIdOf = (headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined =>
  word(textOf(...requestIdHeaders.map((name) => headers[name])));
