import { chmod, lstat, unlink } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { createSemaphore } from "#nervous-system/kernel/semaphore.ts";
import { listen, MAX_POD_CONNECTIONS } from "#nervous-system/comms/socket/listen.ts";
import { serveFrameConnection, type FrameConnectionOptions } from "./frame-connection.ts";

/** How the socket listens. */
export type FrameSocketOptions = Omit<FrameConnectionOptions, "budget"> & { path: string };

/** A listening frame socket. */
export type FrameSocketServer = {
  /** Takes no new connection, lets the open ones end for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
};

const BUDGET_BYTES = 4 * 1024 * 1024;

/** Removes the socket that a killed scribe left; anything else at that path is not ours to remove. */
const removeStale = async (path: string): Promise<void> => {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === true) await unlink(path);
};

/** Listens on a unix socket for JSON lines; only user and group may write to it. */
export const listenForFrames = async (options: FrameSocketOptions): Promise<FrameSocketServer> => {
  const { path, clock } = options;
  const budget = createSemaphore(BUDGET_BYTES);
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    serveFrameConnection(socket, { ...options, budget });
  });
  server.maxConnections = MAX_POD_CONNECTIONS;
  await removeStale(path);
  await listen(server, { path });
  await chmod(path, 0o660);
  return {
    close: (graceMs) =>
      new Promise((resolve) => {
        const cancel = clock.after(graceMs, () => {
          for (const socket of open) socket.destroy();
        });
        server.close(() => {
          cancel();
          resolve();
        });
      }),
  };
};
