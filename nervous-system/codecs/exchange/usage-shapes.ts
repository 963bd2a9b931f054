import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { countOf, memberAt, presentOf, type Fields } from "./fields.ts";

/** What providers count of one answer, in tokens; cached ones are among the input, reasoning ones among the output. */
export type UsageFacts = {
  readonly inputTokens?: number;
  readonly cachedTokens?: number;
  readonly outputTokens?: number;
  readonly reasoningTokens?: number;
};

/** How one family of providers counts: names of members, `a.b` where one stands within another. */
type UsageShape = {
  /** A usage that holds one of these is of this shape. */
  readonly knownBy: readonly string[];
  /** What together was sent, and what together was answered. */
  readonly input: readonly string[];
  readonly output: readonly string[];
  /** Parts of these; the first that is there. */
  readonly cached: readonly string[];
  readonly reasoning: readonly string[];
  /** All of it together; it has thinking in it, even where nothing else has. */
  readonly total?: string;
};

const openAiDetails = {
  input: ["input_tokens"],
  output: ["output_tokens"],
  cached: ["input_tokens_details.cached_tokens"],
  reasoning: ["output_tokens_details.reasoning_tokens"],
  total: "total_tokens",
};

/** The first shape that a usage is known by is the one it is read as. */
const shapes: readonly UsageShape[] = [
  // Chat completions of OpenAI, Azure, vLLM, Ollama, OpenRouter; DeepSeek names its cache by hits, Moonshot beside the rest,
  // litellm as Anthropic does, though it has added it to the prompt already.
  {
    knownBy: ["prompt_tokens", "completion_tokens"],
    input: ["prompt_tokens"],
    output: ["completion_tokens"],
    cached: [
      "prompt_tokens_details.cached_tokens",
      "prompt_cache_hit_tokens",
      "cache_read_input_tokens",
      "cached_tokens",
    ],
    reasoning: ["completion_tokens_details.reasoning_tokens"],
    total: "total_tokens",
  },
  // OpenAI's responses: the names of Anthropic, but cached input is in the input.
  { knownBy: [...openAiDetails.cached, ...openAiDetails.reasoning], ...openAiDetails },
  // Anthropic's messages: the input is what was neither read from a cache nor written to one.
  {
    knownBy: ["input_tokens", "output_tokens"],
    input: ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"],
    output: ["output_tokens"],
    cached: ["cache_read_input_tokens"],
    reasoning: [],
  },
  // Gemini's generateContent: cached input is in the prompt, thoughts are not in the candidates.
  {
    knownBy: ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"],
    input: ["promptTokenCount", "toolUsePromptTokenCount"],
    output: ["candidatesTokenCount", "thoughtsTokenCount"],
    cached: ["cachedContentTokenCount"],
    reasoning: ["thoughtsTokenCount"],
    total: "totalTokenCount",
  },
];

// Who translates Anthropic's counts may have these in the total and not in the input.
const writtenToCache = ["cache_creation_input_tokens", "prompt_tokens_details.cache_write_tokens"];

const countedPaths = new Map(
  shapes
    .flatMap(({ input, output, cached, reasoning, total = [] }) => [input, output, cached, reasoning, total])
    .concat(writtenToCache)
    .flat()
    .map((name) => [name, name.split(".")]),
);

/** Where a document may hold its usage: Groq's stood beside its answer, Moonshot's streams have it in the choice. */
const usagesOf = (document: Fields): readonly unknown[] => [
  document["usage"],
  document["usageMetadata"],
  memberAt(document, "x_groq", "usage"),
  memberAt(document, "choices", 0, "usage"),
];

type Counts = ReadonlyMap<string, number>;

const sumOf = (counts: Counts, names: readonly string[]): number | undefined => {
  const found = names.flatMap((name) => counts.get(name) ?? []);
  return found.length === 0 ? undefined : found.reduce((sum, count) => sum + count, 0);
};

const firstOf = (counts: Counts, names: readonly string[]): number | undefined => {
  const found = names.flatMap((name) => counts.get(name) ?? []);
  return found.find((count) => count > 0) ?? found[0];
};

/** What the total has beyond input and output; 0 where one of them is not told. */
const restOf = (counts: Counts, { input, output, total = "" }: UsageShape): number => {
  const [all, sent, answered] = [counts.get(total), sumOf(counts, input), sumOf(counts, output)];
  return all === undefined || sent === undefined || answered === undefined ? 0 : all - sent - answered;
};

/** The thinking that only the total tells; undefined where there is none, or what was counted of a cache may be in the rest. */
const untoldThinking = (counts: Counts, { cached }: UsageShape, rest: number): number | undefined => {
  const ofCache = [...cached, ...writtenToCache].map((name) => counts.get(name) ?? 0);
  return rest <= 0 || ofCache.some((count) => count > 0 && count <= rest) ? undefined : rest;
};

const factsOf = (counts: Counts): UsageFacts => {
  const shape = shapes.find(({ knownBy }) => knownBy.some((name) => counts.has(name)));
  if (shape === undefined) return {};
  const rest = restOf(counts, shape);
  const reasoningTokens = firstOf(counts, shape.reasoning) ?? untoldThinking(counts, shape, rest);
  const output = sumOf(counts, shape.output);
  // xAI leaves reasoning out of what it calls completion, where OpenAI has it in: then it is the rest of the total.
  const beside = reasoningTokens === rest ? rest : 0;
  return presentOf({
    inputTokens: sumOf(counts, shape.input),
    cachedTokens: firstOf(counts, shape.cached),
    outputTokens: output === undefined ? undefined : output + beside,
    reasoningTokens,
  });
};

/** Gathers the counts of one answer, which a stream tells piece by piece and again. */
export type UsageCounter = { add(document: Fields): void; facts(): UsageFacts };

/** Creates a counter. Counts are cumulative, so the last one holds; a later 0 means that nothing was counted there. */
export const createUsageCounter = (): UsageCounter => {
  const counts = new Map<string, number>();
  const note = (name: string, value: unknown): void => {
    const count = countOf(value);
    if (count !== undefined && (count > 0 || !counts.has(name))) counts.set(name, count);
  };
  return {
    add: (document) => {
      for (const usage of usagesOf(document).filter(isJsonObject))
        for (const [name, path] of countedPaths) note(name, memberAt(usage, ...path));
    },
    facts: () => factsOf(counts),
  };
};
