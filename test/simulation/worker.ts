import { parentPort, workerData } from "node:worker_threads";
import { runSeeds, type SeedRange } from "./run-seeds.ts";

// What a failed seed says is found again with `--seed`; stacks of the many errors that are part of the play cost a third of the time.
Error.stackTraceLimit = 0;

const cpuMs = (): number => {
  // oxlint-disable-next-line no-restricted-globals -- a thread's entry point, as main.ts is a process's
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node has no origin
await runSeeds(workerData as SeedRange, cpuMs, (told) => parentPort?.postMessage(told));
