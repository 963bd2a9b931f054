import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { normalise } from "#pipeline/embedding/embedder.ts";
import { modelFiles } from "#pipeline/embedding/local/model-files.ts";

/** A sentence transformer in memory: text → vector. */
export type SentenceModel = (text: string) => Promise<Float32Array>;

// What the model was trained to read; more costs time by its square.
const MAX_TOKENS = 256;

// No token of its vocabulary is longer than that by much: what is behind it cannot be among the tokens that are read.
const MAX_CHARACTERS = MAX_TOKENS * 32;

const tensorOf = (values: readonly number[]): Tensor =>
  new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);

/** The mean over all tokens, `[tokens × width]` → `[width]`. */
const meanOf = (hidden: Float32Array, width: number): Float32Array => {
  const mean = new Float32Array(width);
  for (let at = 0; at < hidden.length; at += 1) mean[at % width]! += hidden[at]!;
  return mean;
};

const tokensOf = (tokenizer: Tokenizer, text: string): number[] => {
  const { ids } = tokenizer.encode(text.slice(0, MAX_CHARACTERS).toWellFormed());
  const last = ids.at(-1);
  return ids.length <= MAX_TOKENS || last === undefined ? ids : [...ids.slice(0, MAX_TOKENS - 1), last];
};

/**
 * Loads the model of a directory. One text a run: quantised, it scales by all that it reads at once, so that
 * a text among others would have another vector (cosine 0.993) than alone. The mask is all ones for the same reason.
 */
export const loadSentenceModel = async (directory: string): Promise<SentenceModel> => {
  const tokenizer = new Tokenizer(JSON.parse(await readFile(join(directory, modelFiles.tokenizer), "utf8")), {});
  const session = await InferenceSession.create(join(directory, modelFiles.weights), {
    // The others are the sinks'.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    enableCpuMemArena: false,
  });
  return async (text) => {
    const tokens = tokensOf(tokenizer, text);
    const { last_hidden_state: hidden } = await session.run({
      input_ids: tensorOf(tokens),
      attention_mask: tensorOf(tokens.map(() => 1)),
      token_type_ids: tensorOf(tokens.map(() => 0)),
    });
    const width = hidden?.dims[2];
    if (hidden === undefined || width === undefined)
      throw new Error(`${modelFiles.weights} is no sentence transformer`);
    return normalise(meanOf(hidden.data as Float32Array, width));
  };
};
