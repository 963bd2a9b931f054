import { parentPort, workerData } from "node:worker_threads";
import type { SentenceModel } from "#pipeline/embedding/local/sentence-model.ts";
import type { Answer, Question } from "#pipeline/embedding/local/thread-messages.ts";

// The library tells its makers of its use unless this stands in the process's environment when it is loaded.
process.env["ORT_DISABLE_TELEMETRY"] = "1";
const { loadSentenceModel } = await import("#pipeline/embedding/local/sentence-model.ts");

// The thread that the local model runs in: a run of the model holds its thread for up to a tenth of a second.
const { directory } = workerData as { readonly directory: string };
let model: Promise<SentenceModel> | undefined;

const answer = async ({ id, text }: Question): Promise<Answer> => {
  try {
    model ??= loadSentenceModel(directory);
    return { id, vector: await (await model)(text) };
  } catch (error) {
    // Files that were not there may be there the next time.
    model = undefined;
    return { id, reason: error instanceof Error ? error.message : String(error) };
  }
};

// Runs of the model do not overlap: each holds the thread.
parentPort?.on("message", (question: Question) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node has no origin
  void answer(question).then((given) => parentPort?.postMessage(given));
});
