import * as z from "zod";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { groupsOf } from "#nervous-system/kernel/groups.ts";
import { EmbedderFailure, type Embedder, SHARE_OF_A_MODEL } from "#pipeline/embedding/embedder.ts";
import { postJson, type JsonAnswer } from "#pipeline/endpoint/post-json.ts";
import { afterMsOf, refusesTexts } from "#pipeline/endpoint/refusal.ts";
import { within } from "#pipeline/endpoint/within.ts";

/** An endpoint that speaks OpenAI's `POST /v1/embeddings`. */
export type OpenAiOptions = {
  /** Its base, such as `https://host/v1`. */
  readonly url: string;
  readonly caPem?: string | undefined;
  readonly model: string;
  /** Length of the model's vectors. */
  readonly dimensions: number;
  /** The key as it is now; undefined where none is asked for. */
  readonly readKey: () => Promise<string | undefined>;
  readonly clock: Pick<Clock, "after">;
};

// Below what every such server takes at once, and an answer of the widest vectors in plain digits.
const GROUP = { items: 64, bytes: 256 * 1024, bytesOf: (text: string): number => text.length };
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const WITHIN_MS = 30_000;

const answerSchema = z.object({
  data: z.array(z.object({ index: z.number().int().min(0), embedding: z.array(z.number()) })),
});

// Its text may repeat the key or the texts: the status alone is told.
const refusedBy = ({ status, headers }: JsonAnswer): EmbedderFailure => {
  const refused = refusesTexts(status);
  return new EmbedderFailure(`the embedding endpoint answered ${status}${refused ? ": it refuses the texts" : ""}`, {
    afterMs: afterMsOf(headers["retry-after"]),
    refused,
  });
};

const parseAnswer = ({ text }: JsonAnswer): z.output<typeof answerSchema> => {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new EmbedderFailure("the embedding endpoint's answer is not what the protocol says", { cause });
  }
};

/** The vectors of an answer in the order of the texts; one that is missing or of another length is a failure. */
const vectorsOf = (answer: JsonAnswer, count: number, dimensions: number): Float32Array[] => {
  const byIndex = new Map(parseAnswer(answer).data.map(({ index, embedding }) => [index, embedding]));
  return Array.from({ length: count }, (_, index) => {
    const vector = byIndex.get(index);
    if (vector?.length === dimensions) return Float32Array.from(vector);
    throw new EmbedderFailure(
      `the embedding endpoint gave ${vector?.length ?? "no"} numbers for a text where ${dimensions} are expected`,
    );
  });
};

/** Asks an OpenAI-compatible endpoint; it never asks twice for the same texts, its caller does when it is told to. */
export const createOpenAiEmbedder = (options: OpenAiOptions): Embedder => {
  const { url, caPem, model, dimensions, readKey, clock } = options;
  const endpoint = new URL(`${url.replace(/\/+$/, "")}/embeddings`);
  const ask = async (texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> => {
    const key = await readKey();
    const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const body = { model, input: texts, encoding_format: "float" };
    const answer = await postJson({ url: endpoint, caPem, headers, body, maxBytes: MAX_ANSWER_BYTES, signal });
    if (answer.status !== 200) throw refusedBy(answer);
    return vectorsOf(answer, texts.length, dimensions);
  };
  const askInTime = async (texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> => {
    try {
      return await within({ clock, limitMs: WITHIN_MS, signal }, (own) => ask(texts, own));
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof EmbedderFailure) throw cause;
      throw new EmbedderFailure(`the embedding endpoint cannot be asked: ${String(cause)}`, { cause });
    }
  };
  return {
    name: `openai-${model.replace(/[^A-Za-z0-9_-]/g, "-")}-${dimensions}`,
    dimensions,
    share: SHARE_OF_A_MODEL,
    embed: async (texts, signal) => {
      const vectors: Float32Array[] = [];
      for (const group of groupsOf(texts, GROUP)) {
        vectors.push(...(await askInTime(group, signal)));
      }
      return vectors;
    },
    close: () => Promise.resolve(),
  };
};
