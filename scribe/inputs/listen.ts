import type { AddressInfo, Server } from "node:net";

/** Connections of one port or socket at once: each costs ten kilobytes, or an unfinished frame, and few programs share a pod. */
export const MAX_CONNECTIONS = 128;

/** Where a server listens: on a port of loopback, 0 for a free one, or on a unix socket. */
export type Place = { port: number } | { path: string };

/** Listens; rejects where the place cannot be had. */
export const listen = (server: Server, place: Place): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen("port" in place ? { ...place, host: "127.0.0.1" } : place, resolve);
  });

/** The port that a server listens on. */
export const portOf = (server: Server): number => (server.address() as AddressInfo).port;
