import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../process/run.ts";
import { isLocked } from "../process/lock.ts";
import { waitFor } from "../process/wait.ts";
import {
  awaitServices,
  ensureSupervisor,
  findSupervisor,
  stopSupervisor,
  SUPERVISOR_LOCK,
} from "../supervise/control.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import { ensureCgroups, removeCgroups } from "./cgroups.ts";
import { endPods, forgetContainers, removeMounts, removeStrayFiles } from "./cleanup.ts";
import { prepareClusterServices } from "./cluster-services.ts";
import { node, type Layout } from "./layout.ts";
import { applyManifests, clusterManifests } from "./manifests.ts";
import { ensureNodeNetwork, removeNodeNetwork } from "./network.ts";
import { removeProxyRules } from "./proxy-rules.ts";
import { closePacketFilter, removePacketFilter } from "./packet-filter/packet-filter.ts";

/** Says that something has come about. */
export type Tell = (what: string) => void;

/**
 * Links, addresses, packet rules and control groups have one name on a machine: a second platform, of
 * another state directory, would take the first one's apart.
 */
const refuseAnother = async (layout: Layout): Promise<void> => {
  if ((await findSupervisor(layout)) !== undefined || !(await isLocked(SUPERVISOR_LOCK))) return;
  throw new Error(
    `Another embedded platform runs on this machine; the one of ${layout.state} does not. ` +
      "End the other one first: make down, in its checkout or with its ENCHANTED_STATE.",
  );
};

/** Ends and removes what a run that was killed may have left: nothing of it can be trusted to work. */
const clearLeftovers = async (layout: Layout): Promise<void> => {
  await endPods(layout);
  await removeMounts(layout);
  await forgetContainers(layout);
  await removeStrayFiles(layout);
  await removeCgroups();
};

const awaitNode = async (layout: Layout): Promise<void> => {
  const kubectl = [await ensureTool("kubectl"), `--kubeconfig=${layout.kubeconfig}`];
  const path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
  await waitFor(
    `readiness of node ${node.name}`,
    async () => (await run([...kubectl, "get", "node", node.name, "-o", path])) === "True",
    { timeoutMs: 120_000, intervalMs: 300 },
  );
};

/** Brings the cluster up, or finds it up: every process ready and the node able to take pods. */
export const startCluster = async (layout: Layout, tell: Tell): Promise<void> => {
  await refuseAnother(layout);
  await mkdir(layout.state, { recursive: true });
  const specs = await prepareClusterServices(layout);
  if ((await findSupervisor(layout)) === undefined) await clearLeftovers(layout);
  await ensureCgroups();
  await ensureNodeNetwork(layout);
  if ((await findSupervisor(layout)) === undefined) await closePacketFilter();
  await ensureSupervisor(layout, specs);
  await awaitServices(
    layout,
    specs.map(({ name }) => name),
    tell,
  );
  await applyManifests(layout, clusterManifests);
  await awaitNode(layout);
};

/** Ends everything of the cluster and takes back every link, rule, mount and group; data stays unless purged. */
export const stopCluster = async (layout: Layout, purge: boolean, tell: Tell): Promise<void> => {
  await refuseAnother(layout);
  await stopSupervisor(layout);
  tell("processes");
  await clearLeftovers(layout);
  tell("pods, mounts and control groups");
  await removeProxyRules();
  await removePacketFilter();
  await removeNodeNetwork(layout);
  tell("links and packet rules");
  if (!purge) return;
  await rm(layout.state, { recursive: true, force: true });
  tell(`data in ${join(layout.state)}`);
};
