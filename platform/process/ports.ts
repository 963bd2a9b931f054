import { createServer } from "node:net";
import type { Server } from "node:net";

// Below the ports that the kernel gives to outgoing connections (32,768 and up) and Kubernetes to Services (30,000 and up):
// what is free here is not taken by somebody's connection between our look and the start of who is to listen.
const LOWEST = 15_000;
const COUNT = 15_000;

// Processes that look at the same time begin at different places, and nobody asks for one port twice soon.
let turn = (process.pid * 7919) % COUNT;

const listen = (server: Server, port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, host, () => resolve(true));
  });

type Held = { readonly port: number; readonly server: Server };

const hold = async (host: string): Promise<Held> => {
  for (let tries = 0; tries < COUNT; tries += 1) {
    const port = LOWEST + (turn = (turn + 1) % COUNT);
    const server = createServer();
    if (await listen(server, port, host)) return { port, server };
  }
  throw new Error(`no port from ${LOWEST} to ${LOWEST + COUNT - 1} is free on ${host}`);
};

/** Finds `count` different TCP ports that are free on `host` now. */
export const freePorts = async (count: number, host = "127.0.0.1"): Promise<number[]> => {
  // All are held open together, so that no two answers are the same port.
  const held: Held[] = [];
  try {
    while (held.length < count) held.push(await hold(host));
    return held.map(({ port }) => port);
  } finally {
    await Promise.all(held.map(({ server }) => new Promise((done) => server.close(done))));
  }
};

/** Finds one TCP port that is free on `host` now. */
export const freePort = async (host = "127.0.0.1"): Promise<number> => (await freePorts(1, host))[0] as number;
