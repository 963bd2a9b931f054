import { fork } from "node:child_process";
import type { EngineChild } from "./engine-supervisor.ts";
import type { EngineReply } from "./engine-protocol.ts";

// Every statement holds one thread while it runs; the rest are for cancelling and looking.
const THREADS = 64;

/** Statements that may run at a time: fewer than the engine's threads, so that a KILL always finds one. */
export const CONCURRENT_STATEMENTS = THREADS - 16;

/** Starts the engine's process: `program` again, with `engine` as its argument. */
export const spawnEngine = (program: string, env: Readonly<Record<string, string | undefined>>): EngineChild => {
  const child = fork(program, ["engine"], {
    env: { ...env, UV_THREADPOOL_SIZE: String(THREADS), TZ: "UTC" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  return {
    // A process that just died cannot be told: its exit is reported by onExit.
    send: (request) => void (child.connected && child.send(request, () => {})),
    onReply: (listener) => void child.on("message", (reply) => listener(reply as EngineReply)),
    onExit: (listener) => void child.once("exit", (code, signal) => listener(signal ?? `exit code ${code}`)),
    kill: () => void child.kill("SIGKILL"),
  };
};
