import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";

const listen = (server: Server, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });

/** Asks the kernel for `count` different TCP ports that are free on `host` now. */
export const freePorts = async (count: number, host = "127.0.0.1"): Promise<number[]> => {
  // All are held open together, so that no two answers are the same port.
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(servers.map((server) => listen(server, host)));
  } finally {
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  }
};

/** Asks the kernel for one TCP port that is free on `host` now. */
export const freePort = async (host = "127.0.0.1"): Promise<number> => (await freePorts(1, host))[0] as number;
