import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModel } from "ai";
import { createBoundedFetch } from "./bounded-fetch.ts";

/** Which protocol a model is spoken to by. */
export type Provider = "OpenAICompatible" | "Anthropic";

/** How to reach a model. The key is the gateway's matter: what is sent here is replaced there. */
export type ModelOptions = {
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
