import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import { waitFor } from "./wait.ts";

/**
 * An abstract unix socket is held by one process at a time and freed by the kernel when that process
 * ends, however it ends: a lock that cannot be left behind.
 */
const socketName = (name: string): string =>
  `\0enchanted-swarm-${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;

const tryTake = (name: string): Promise<Server | undefined> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(socketName(name), () => resolve(server));
  });

/** Whether another process, or another part of this one, holds the lock called `name` now. */
export const isLocked = async (name: string): Promise<boolean> => {
  const taken = await tryTake(name);
  if (taken === undefined) return true;
  await new Promise((done) => taken.close(done));
  return false;
};

/** Runs `work` while holding the machine-wide lock called `name`; waits while another process holds it. */
export const withLock = async <T>(name: string, work: () => Promise<T>, timeoutMs = 30 * 60_000): Promise<T> => {
  const held = await waitFor(`the lock on ${name}, held by another run of ours,`, () => tryTake(name), {
    timeoutMs,
    intervalMs: 200,
  });
  try {
    return await work();
  } finally {
    await new Promise((done) => held.close(done));
  }
};
