import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModel } from "ai";

/** The answer of a model is larger than any answer that makes sense. */
export class AnswerTooLarge extends Error {
  override readonly name = "AnswerTooLarge";
}

const counting = (maxBytes: number): TransformStream<Uint8Array, Uint8Array> => {
  let seen = 0;
  return new TransformStream({
    transform: (chunk, controller) => {
      seen += chunk.byteLength;
      if (seen > maxBytes) controller.error(new AnswerTooLarge(`the model's answer is larger than ${maxBytes} bytes`));
      else controller.enqueue(chunk);
    },
  });
};

/** A `fetch` whose answers fail with `AnswerTooLarge` beyond `maxBytes`, however they are read. */
const createBoundedFetch =
  (inner: typeof fetch, maxBytes: number): typeof fetch =>
  async (input, init) => {
    const response = await inner(input, init);
    if (response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(counting(maxBytes)), { status, statusText, headers });
  };

/** Which protocol a model is spoken to by. */
type Provider = "OpenAICompatible" | "Anthropic";

/** How to reach a model. The key is the gateway's matter: what is sent here is replaced there. */
type ModelOptions = {
  readonly provider: Provider;
  readonly model: string;
  readonly baseUrl: string;
  readonly apiKey: string;
};

const maxAnswerBytes = 8 * 1024 * 1024;

/** Creates the AI SDK's model for a provider. */
export const createModel = ({ provider, model, baseUrl, apiKey }: ModelOptions): LanguageModel => {
  const bounded = createBoundedFetch(fetch, maxAnswerBytes);
  switch (provider) {
    case "Anthropic":
      return createAnthropic({ baseURL: baseUrl, apiKey, fetch: bounded })(model);
    case "OpenAICompatible":
      return createOpenAICompatible({ name: "gateway", baseURL: baseUrl, apiKey, fetch: bounded })(model);
  }
};
