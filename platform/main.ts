import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createApiClient } from "./cluster/api-client.ts";
import { layoutOf } from "./cluster/layout.ts";
import { startCluster, stopCluster } from "./cluster/lifecycle.ts";
import { runPacketFilter } from "./cluster/packet-filter/packet-filter.ts";
import { runVolumeProvisioner } from "./cluster/volumes/provisioner.ts";
import { stateDirectory } from "./environment.ts";
import { kubeconfigPathIn } from "./cluster/pki.ts";
import { runSupervisor } from "./supervise/supervisor.ts";

const layout = layoutOf(stateDirectory());
const say = (text: string): void => console.log(text);

/** Aborts at SIGTERM and SIGINT. */
const untilAsked = (): AbortSignal => {
  const controller = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => controller.abort());
  return controller.signal;
};

const platformClient = () => createApiClient(kubeconfigPathIn(layout.pki, "platform"));

const commands: Readonly<Record<string, () => Promise<void>>> = {
  cluster: () => startCluster(layout, (what) => say(`ready: ${what}`)),
  down: () => stopCluster(layout, process.env["PURGE"] === "1", (what) => say(`removed: ${what}`)),
  supervise: () => runSupervisor(layout, untilAsked()),
  "packet-filter": async () => {
    await rm(join(layout.state, "packet-filter.ready"), { force: true });
    await runPacketFilter(await platformClient(), layout, untilAsked());
  },
  volumes: async () => {
    await rm(join(layout.state, "volumes.ready"), { force: true });
    await runVolumeProvisioner(await platformClient(), layout, untilAsked());
  },
};

const name = process.argv[2] ?? "help";
const command = commands[name];
if (command === undefined) {
  console.error(`Unknown step "${name}". Steps: ${Object.keys(commands).join(", ")}.`);
  process.exitCode = 2;
} else {
  await command();
}
process.exit();
