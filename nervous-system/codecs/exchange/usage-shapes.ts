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

// Chat completions of OpenAI, Azure, vLLM, Ollama, OpenRouter; DeepSeek names its cache by hits, Moonshot beside the rest,
// litellm as Anthropic does, though it has added it to the prompt already.
const chat = {
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
};

const fromCache = "cache_read_input_tokens";
const toCache = "cache_creation_input_tokens";

/** Anthropic's messages: the input is what was neither read from a cache nor written to one. */
const anthropic: UsageShape = {
  knownBy: ["input_tokens", "output_tokens"],
  input: ["input_tokens", fromCache, toCache],
  output: ["output_tokens"],
  cached: [fromCache],
  reasoning: [],
};

/** The first shape that a usage is known by is the one it is read as. */
const shapes: readonly UsageShape[] = [
  { knownBy: ["completion_tokens"], ...chat },
  // OpenAI's responses: the names of Anthropic, but cached input is in the input.
  { knownBy: [...openAiDetails.cached, ...openAiDetails.reasoning], ...openAiDetails },
  // Kimi's messages have the whole prompt under OpenAI's name beside.
  anthropic,
  // Gemini's generateContent: cached input is in the prompt, thoughts are not in the candidates.
  {
    knownBy: ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"],
    input: ["promptTokenCount", "toolUsePromptTokenCount"],
    output: ["candidatesTokenCount", "thoughtsTokenCount"],
    cached: ["cachedContentTokenCount"],
    reasoning: ["thoughtsTokenCount"],
    total: "totalTokenCount",
  },
  // Embeddings answer nothing.
  { knownBy: ["prompt_tokens"], ...chat },
];

// Who translates Anthropic's counts may have these in the total and not in the input.
const writtenToCache = [toCache, "prompt_tokens_details.cache_write_tokens"];

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

/** What a provider does beside the answer and leaves out of its counts: summing up what went before, asking another model. */
const besideTheAnswer: ReadonlySet<unknown> = new Set(["compaction", "advisor_message"]);

/** Sums up Anthropic's `iterations` that no other count has in it; attempts that were declined are in none, and charged by none. */
const countsBeside = (iterations: readonly unknown[]): Counts => {
  const beside = iterations.filter(isJsonObject).filter(({ type }) => besideTheAnswer.has(type));
  const sums = [...anthropic.input, ...anthropic.output].map((name) => {
    const counted = beside.map((iteration) => countOf(iteration[name]) ?? 0);
    return [name, counted.reduce((sum, count) => sum + count, 0)] as const;
  });
  return new Map(sums.filter(([, sum]) => sum > 0));
};

const added = (counts: Counts, more: Counts): Counts =>
  new Map([...counts, ...[...more].map(([name, count]) => [name, count + (counts.get(name) ?? 0)] as const)]);

const factsOf = (told: Counts, more: Counts): UsageFacts => {
  const shape = shapes.find(({ knownBy }) => knownBy.some((name) => told.has(name)));
  if (shape === undefined) return {};
  const counts = shape === anthropic ? added(told, more) : told;
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

/**
 * Whether a usage tells anew what one before it told as input: Kimi and Qwen begin a stream with the whole prompt and end it with
 * what of that came from a cache, and then a 0 is one.
 */
const isSplitAnew = (counts: Counts, usage: Fields): boolean => {
  const cached = [fromCache, toCache].map((name) => countOf(usage[name]) ?? 0).reduce((sum, count) => sum + count, 0);
  const isFirst = [fromCache, toCache].every((name) => (counts.get(name) ?? 0) === 0);
  return isFirst && cached > 0 && countOf(usage["input_tokens"]) === 0 && (counts.get("input_tokens") ?? 0) >= cached;
};

/** Creates a counter. Counts are cumulative, so the last one holds; a later 0 means that nothing was counted there. */
export const createUsageCounter = (): UsageCounter => {
  const counts = new Map<string, number>();
  let beside: Counts = new Map();
  const note = (name: string, value: unknown): void => {
    const count = countOf(value);
    if (count !== undefined && (count > 0 || !counts.has(name))) counts.set(name, count);
  };
  return {
    add: (document) => {
      for (const usage of usagesOf(document).filter(isJsonObject)) {
        if (isSplitAnew(counts, usage)) counts.set("input_tokens", 0);
        for (const [name, path] of countedPaths) note(name, memberAt(usage, ...path));
        if (Array.isArray(usage["iterations"])) beside = countsBeside(usage["iterations"]);
      }
    },
    facts: () => factsOf(counts, beside),
  };
};
