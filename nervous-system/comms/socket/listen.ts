import type { Server } from "node:net";

/** Connections that a server has at once where nothing else is said: each costs up to a hundred kilobytes. */
export const MAX_CONNECTIONS = 1_024;

/** The same in an agent's pod, which few programs share: each costs ten kilobytes. */
export const MAX_POD_CONNECTIONS = 128;

/** The same where a connection may have large requests under way, whose buffers cost some hundred kilobytes. */
export const MAX_POD_CALLERS = 32;

/**
 * Where a server listens: on a port, 0 for a free one, of one host or of all; on a unix socket; or on the descriptor of a socket
 * that another process listened on before. With `reusePort` any process of the same user that says so too has the port as well,
 * and connections go to one of those that listen.
 */
export type Place =
  | { readonly host?: string; readonly port: number; readonly reusePort?: boolean | undefined }
  | { readonly path: string }
  | { readonly fd: number };

/** The host that only this machine, or this pod, can connect to. */
export const LOOPBACK = "127.0.0.1";

/** The descriptor of a listening server's socket, to be given to another process. */
export const descriptorOf = (server: Server): number => (server as unknown as { _handle: { fd: number } })._handle.fd; // Node tells it nowhere else

/** Listens and answers the port, 0 for a unix socket; rejects where the place cannot be had. */
export const listen = (server: Server, place: Place): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(place, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
