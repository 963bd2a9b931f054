import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { bundleImage } from "#platform/images/bundle.ts";
import { repositoryRoot } from "#platform/environment.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import {
  connectTestBus,
  startTestNats,
  temporaryDirectory,
  type Cleanup,
} from "#test/integration/pipeline/bus-harness.ts";
import { siphonStores, startStores, type StoreServers } from "#test/integration/pipeline/store-servers.ts";
import { lastingPorts } from "../lasting-ports.ts";
import { createVictim, type Victim } from "../victim.ts";

/** A stream, the shipped siphon and every store that it feeds. */
export type StorePlane = StoreServers & {
  readonly nats: NatsServer;
  readonly bus: Bus;
  /** Not started yet. */
  readonly siphon: Victim;
  readonly siphonHealthPort: number;
};

type Stores = StoreServers & Pick<StorePlane, "nats">;

const siphonEnvironment = (stores: Stores, healthPort: number): Record<string, string> => ({
  ...siphonStores(stores),
  NATS_URL: stores.nats.url,
  ENCHANTED_HEALTH_PORT: String(healthPort),
  LOG_LEVEL: "warn",
});

const prepareSiphon = async (stores: Stores, random: () => number, cleanup: Cleanup) => {
  const dir = await temporaryDirectory(cleanup);
  const program = join(await bundleImage(repositoryRoot, "pipeline", join(dir, "pipeline")), "main.js");
  const [siphonHealthPort = 0] = await lastingPorts(1, random);
  const env = siphonEnvironment(stores, siphonHealthPort);
  const command = [process.execPath, program, "siphon"];
  const siphon = createVictim({ name: "siphon", command, env: () => env, logDir: dir });
  cleanup.add(() => siphon.kill());
  return { siphon, siphonHealthPort };
};

/** Starts NATS and the four stores, and makes the siphon ready to be started. */
export const startStorePlane = async (cleanup: Cleanup, random: () => number): Promise<StorePlane> => {
  const nats = await startTestNats(cleanup);
  const bus = await connectTestBus(nats, cleanup);
  const stores = { nats, ...(await startStores(cleanup)) };
  return { ...stores, bus, ...(await prepareSiphon(stores, random, cleanup)) };
};
