import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../process/run.ts";
import type { ApiClient } from "../api-client.ts";
import type { Layout } from "../layout.ts";
import { runLevelLoop } from "../level-loop.ts";
import { ensureChainJump, removeChain } from "../network.ts";
import { families, type Family } from "./family.ts";
import type { NamespaceView, NetworkSnapshot, PodView, PolicyView } from "./model.ts";
import { chains, renderPacketFilter } from "./rules.ts";

const collections = {
  pods: "/api/v1/pods",
  namespaces: "/api/v1/namespaces",
  policies: "/apis/networking.k8s.io/v1/networkpolicies",
} as const;

const observeNetwork = async (client: ApiClient): Promise<NetworkSnapshot> => {
  const list = async <T>(path: string): Promise<readonly T[]> =>
    (await client.send<{ items: readonly T[] }>("GET", path)).items;
  // Pods first: whatever policy was there before a pod is then in the later list, and no pod is seen without it.
  const pods = await list<PodView>(collections.pods);
  const [namespaces, policies] = await Promise.all([
    list<NamespaceView>(collections.namespaces),
    list<PolicyView>(collections.policies),
  ]);
  return { pods, namespaces, policies };
};

// A kernel without IPv6 has neither packets nor tables of it.
const isThere = ({ kind }: Family): boolean => kind === "ipv4" || existsSync("/proc/net/if_inet6");

const applyRules = async ({ tool }: Family, rules: string): Promise<void> => {
  // One restore replaces our chains as one step of the kernel: no packet sees half a filter.
  await run([`${tool}-restore`, "-w", "--noflush"], { input: rules });
  await ensureChainJump("mangle", "FORWARD", chains.forward, tool);
  await ensureChainJump("mangle", "INPUT", chains.input, tool);
};

/** Sets the rules of both families that a snapshot asks for, but for what `applied` says is there already. */
export const applySnapshot = async (snapshot: NetworkSnapshot, applied = new Map<Family, string>()): Promise<void> => {
  for (const family of families.filter(isThere)) {
    const rules = renderPacketFilter(family, snapshot);
    if (rules === applied.get(family)) continue;
    await applyRules(family, rules);
    applied.set(family, rules);
  }
};

/** Drops everything that pods send until the filter knows them: set before the first pod can start. */
export const closePacketFilter = (): Promise<void> => applySnapshot({ pods: [], namespaces: [], policies: [] });

/** Keeps the kernel's rules equal to the cluster's Pods and NetworkPolicies until aborted. */
export const runPacketFilter = async (client: ApiClient, layout: Layout, signal: AbortSignal): Promise<void> => {
  const applied = new Map<Family, string>();
  await runLevelLoop(
    client,
    {
      name: "packet-filter",
      paths: Object.values(collections),
      reconcile: async () => applySnapshot(await observeNetwork(client), applied),
      onSettled: () => writeFile(join(layout.state, "packet-filter.ready"), ""),
    },
    signal,
  );
};

/** Removes the filter's chains. */
export const removePacketFilter = async (): Promise<void> => {
  for (const { tool } of families.filter(isThere)) {
    await removeChain("mangle", "FORWARD", chains.forward, tool);
    await removeChain("mangle", "INPUT", chains.input, tool);
    await removeChain("mangle", "FORWARD", chains.egress, tool);
    await removeChain("mangle", "FORWARD", chains.ingress, tool);
  }
};
