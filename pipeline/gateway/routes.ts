import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ModelSpec } from "#nervous-system/schemas/resources/model.ts";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";

/** A model route of the gateway and what it is at the provider. */
export type ModelRoute = {
  readonly provider: ModelSpec["provider"];
  /** Path below the Model's endpoint, such as `chat/completions`. */
  readonly operation: string;
};

/** Operations that think with a model. Others (files, batches, fine-tuning, …) would use the key for something else. */
const operations: Readonly<Record<ModelSpec["provider"], ReadonlySet<string>>> = {
  OpenAICompatible: new Set(["chat/completions", "completions", "responses", "embeddings"]),
  Anthropic: new Set(["messages", "messages/count_tokens"]),
};

/** Whether what is asked for is paid for by tokens; to have them counted is not. */
export const thinks = ({ operation }: ModelRoute): boolean => operation !== "messages/count_tokens";

const prefixes: Readonly<Record<ModelSpec["provider"], string>> = {
  OpenAICompatible: "/openai/v1/",
  Anthropic: "/anthropic/v1/",
};

const providers = ["OpenAICompatible", "Anthropic"] as const;

/** The route that a request's path names, or undefined where the gateway has none. */
export const parseRoute = (path: string): ModelRoute | undefined => {
  const [plain = ""] = path.split("?");
  for (const provider of providers) {
    const prefix = prefixes[provider];
    if (!plain.startsWith(prefix)) continue;
    const operation = plain.slice(prefix.length);
    return operations[provider].has(operation) ? { provider, operation } : undefined;
  }
  return undefined;
};

/** Every route, for the message of a request that fits none. */
export const knownRoutes = (): readonly string[] =>
  providers.flatMap((provider) => [...operations[provider]].map((operation) => prefixes[provider] + operation));

/** A Model's endpoint; admission lets some texts pass that no client can dial. */
export const parseModelEndpoint = ({ spec: { endpoint } }: Pick<Model, "spec">): Granted<URL> => {
  const url = URL.parse(endpoint);
  if (url !== null) return granted(url);
  return refused(502, "model_endpoint_invalid", `spec.endpoint "${endpoint}" is no URL: check its host and its port`);
};

/** The address at the provider: the endpoint's own path, then the operation. */
export const upstreamUrl = (endpoint: URL, operation: string): URL => {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${operation}`;
  return url;
};
