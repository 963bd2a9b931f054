import { createServer, type ListenOptions } from "node:net";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { ScribeConfig } from "./config.ts";

/** Which ports a scribe listens on, and whether another process is to hold them. */
export type PortsConfig = Pick<
  ScribeConfig,
  | "ENCHANTED_PORTS_HELD"
  | "ENCHANTED_SERVICE_PORT"
  | "ENCHANTED_OTLP_PORT"
  | "ENCHANTED_OTLP_HTTP_PORT"
  | "ENCHANTED_MODEL_PORT"
  | "ENCHANTED_PROXY_PORT"
>;

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
const portsOf = (config: PortsConfig): number[] =>
  [
    config.ENCHANTED_SERVICE_PORT,
    config.ENCHANTED_OTLP_PORT,
    config.ENCHANTED_OTLP_HTTP_PORT,
    config.ENCHANTED_MODEL_PORT,
    config.ENCHANTED_PROXY_PORT,
  ].filter((port) => port !== undefined);

/** The ports that should be held for the scribe by a process of its user and are not: another user could take them. */
export const unheldPorts = async (config: PortsConfig): Promise<number[]> => {
  if (config.ENCHANTED_PORTS_HELD !== "true") return [];
  const ports = portsOf(config);
  const held = await Promise.all(ports.map(isHeld));
  return ports.filter((_, place) => held[place] !== true);
};

const WAIT_MS = 30_000;
const LOOK_MS = 100;

type Holding = {
  /** The ports that nobody holds at the moment. */
  unheld: () => Promise<readonly number[]>;
  /** An agent works already. */
  isRestart: boolean;
  clock: Pick<Clock, "monotonicMs" | "sleep">;
  log: Log;
};

/**
 * Waits until the scribe's ports are held, for half a minute: there is no socket before, and without one no agent begins. Where an
 * agent works already the record goes on: who is up loses no port.
 */
export const awaitHeldPorts = async ({ unheld, isRestart, clock, log }: Holding): Promise<void> => {
  const until = clock.monotonicMs() + WAIT_MS;
  let ports = await unheld();
  if (ports.length === 0) return;
  log.error({ ports }, "nobody holds these ports: another program of the pod could take them");
  if (isRestart) return;
  while (ports.length > 0) {
    if (clock.monotonicMs() >= until)
      throw new Error(`nobody holds the ports ${ports.join(", ")}: an agent could take them (container "ports")`);
    await clock.sleep(LOOK_MS);
    ports = await unheld();
  }
};
