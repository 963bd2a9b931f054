import { parentPort } from "node:worker_threads";
import { doTask, movable, type BodyTask } from "#pipeline/gateway/bodies/task.ts";

// The thread that large bodies are read in, one at a time.
parentPort?.on("message", (task: BodyTask) => {
  const body = doTask(task);
  const moved = body.kind === "granted" ? movable(body.value.bytes) : [];
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node has no origin
  parentPort?.postMessage(body, moved);
});
