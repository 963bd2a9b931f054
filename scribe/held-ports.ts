import { createServer, type ListenOptions } from "node:net";
import type { ReadyConfig } from "./config.ts";

// Whoever holds a port holds it on all addresses. The scribe listens on 127.0.0.1, so that here one meets the holder alone, and
// takes nobody's connection.
const BESIDE = "127.0.0.2";

const canListen = (how: ListenOptions): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: BESIDE, ...how }, () => server.close(() => resolve(true)));
  });

/** Whether somebody of this process's own user holds a port: others cannot have it, and this user can. */
const isHeld = async (port: number): Promise<boolean> =>
  !(await canListen({ port })) && (await canListen({ port, reusePort: true }));

// Not the port of metrics, on which the scribe listens on all addresses itself: its holder is that of the others.
const portsOf = (config: ReadyConfig): number[] =>
  [
    config.ENCHANTED_SERVICE_PORT,
    config.ENCHANTED_OTLP_PORT,
    config.ENCHANTED_OTLP_HTTP_PORT,
    config.ENCHANTED_MODEL_PORT,
    config.ENCHANTED_PROXY_PORT,
  ].filter((port) => port !== undefined);

/** The ports that should be held for the scribe by a process of its user and are not: another user could take them. */
export const unheldPorts = async (config: ReadyConfig): Promise<number[]> => {
  if (config.ENCHANTED_PORTS_HELD !== "true") return [];
  const ports = portsOf(config);
  const held = await Promise.all(ports.map(isHeld));
  return ports.filter((_, place) => held[place] !== true);
};
