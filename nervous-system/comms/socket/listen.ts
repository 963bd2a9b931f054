import type { AddressInfo, Server } from "node:net";

/** Connections that a port has at once where nothing else is said: each costs up to a hundred kilobytes. */
export const MAX_CONNECTIONS = 1_024;

/** Listens on `host:port`, of which the host may be an IPv6 address in brackets; answers the port, a free one for 0. */
export const listenOn = (server: Server, address: string): Promise<number> => {
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(address.slice(at + 1)), host, () => resolve((server.address() as AddressInfo).port));
  });
};
