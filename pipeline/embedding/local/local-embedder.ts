import { SHARE_ENV, Worker } from "node:worker_threads";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import { EmbedderFailure, type Embedder, SHARE_OF_A_MODEL } from "#pipeline/embedding/embedder.ts";
import type { Answer, Question } from "#pipeline/embedding/local/thread-messages.ts";

// In the image the thread's program is a bundle beside the one that this file is part of.
const program = new URL(import.meta.url.endsWith(".ts") ? "main.ts" : "embedding.js", import.meta.url);

type Waiting = { readonly resolve: (vector: Float32Array) => void; readonly reject: (error: Error) => void };

/** A thread with the model, begun by its first question and made anew where it ended. */
const createThread = (directory: string) => {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let asked = 0;
  const end = (own: Worker, reason: string): void => {
    if (worker !== own) return;
    worker = undefined;
    for (const { reject } of waiting.values()) reject(new EmbedderFailure(`the embedding model's thread ${reason}`));
    waiting.clear();
  };
  const settle = (answer: Answer): void => {
    const who = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("vector" in answer) who?.resolve(answer.vector);
    else who?.reject(new EmbedderFailure(`the embedding model failed: ${answer.reason}`));
  };
  const start = (): Worker => {
    // What the thread sets there its native library has to find.
    const own = new Worker(program, { workerData: { directory }, env: SHARE_ENV });
    return own
      .on("message", settle)
      .on("error", (error) => end(own, `failed: ${error instanceof Error ? error.message : String(error)}`))
      .on("exit", () => end(own, "ended"));
  };
  return {
    ask: (text: string): Promise<Float32Array> =>
      new Promise((resolve, reject) => {
        worker ??= start();
        const question: Question = { id: (asked += 1), text };
        waiting.set(question.id, { resolve, reject });
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node has no origin
        worker.postMessage(question);
      }),
    close: async (): Promise<void> => {
      await worker?.terminate();
    },
  };
};

/** The sentence transformer all-MiniLM-L6-v2, quantised, on this machine's processor; `directory` holds its files. */
export const createLocalEmbedder = (directory: string): Embedder => {
  const thread = createThread(directory);
  return {
    name: "all-minilm-l6-v2-q",
    dimensions: 384,
    share: SHARE_OF_A_MODEL,
    embed: async (texts, signal) => {
      const vectors: Float32Array[] = [];
      // One after the other, so that another caller's text goes between and an abort ends it soon.
      for (const text of texts) vectors.push(await untilAborted(thread.ask(text), signal));
      return vectors;
    },
    close: () => thread.close(),
  };
};
