import { createServer, type Server } from "node:net";

/** Below the range that the kernel gives to outgoing connections: what is killed finds its port free when it comes back. */
const RANGE = { from: 20_000, to: 32_000 };

const tryListen = (port: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });

/** Loopback ports that are free now and that no connection takes while their server is down. */
export const lastingPorts = async (count: number, random: () => number): Promise<number[]> => {
  const held = new Map<number, Server>();
  while (held.size < count) {
    const port = RANGE.from + Math.floor(random() * (RANGE.to - RANGE.from));
    const server = held.has(port) ? undefined : await tryListen(port);
    if (server !== undefined) held.set(port, server);
  }
  await Promise.all([...held.values()].map((server) => new Promise((done) => server.close(done))));
  return [...held.keys()];
};
