import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { KeyPair } from "#platform/cluster/certificates.ts";

/** A gateway whose every tunnel leads to an echo. */
export type TunnelPeer = { port: number; close(): void };

/** Starts it on a free port of loopback. */
export const startTunnelPeer = async ({ certFile, keyFile }: KeyPair): Promise<TunnelPeer> => {
  const server = createServer({ cert: await readFile(certFile), key: await readFile(keyFile) });
  const open = new Set<Duplex>();
  server.on("connect", (_incoming, socket: Duplex) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => open.delete(socket));
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
};
