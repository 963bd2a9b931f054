import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../process/run.ts";
import type { ApiClient } from "../api-client.ts";
import type { Layout } from "../layout.ts";
import { runLevelLoop } from "../level-loop.ts";
import { ensureChainJump, removeChain } from "../network.ts";
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
  const [pods, namespaces, policies] = await Promise.all([
    list<PodView>(collections.pods),
    list<NamespaceView>(collections.namespaces),
    list<PolicyView>(collections.policies),
  ]);
  return { pods, namespaces, policies };
};

const applyRules = async (rules: string): Promise<void> => {
  // One restore replaces our chains as one step of the kernel: no packet sees half a filter.
  await run(["iptables-restore", "-w", "--noflush"], { input: rules });
  await ensureChainJump("mangle", "FORWARD", chains.forward);
  await ensureChainJump("mangle", "INPUT", chains.input);
};

/** Drops everything that pods send until the filter knows them: set before the first pod can start. */
export const closePacketFilter = (): Promise<void> =>
  applyRules(renderPacketFilter({ pods: [], namespaces: [], policies: [] }));

/** Keeps the kernel's rules equal to the cluster's Pods and NetworkPolicies until aborted. */
export const runPacketFilter = async (client: ApiClient, layout: Layout, signal: AbortSignal): Promise<void> => {
  let applied = "";
  await runLevelLoop(
    client,
    {
      name: "packet-filter",
      paths: Object.values(collections),
      reconcile: async () => {
        const rules = renderPacketFilter(await observeNetwork(client));
        if (rules === applied) return;
        await applyRules(rules);
        applied = rules;
      },
      onSettled: () => writeFile(join(layout.state, "packet-filter.ready"), ""),
    },
    signal,
  );
};

/** Removes the filter's chains. */
export const removePacketFilter = async (): Promise<void> => {
  await removeChain("mangle", "FORWARD", chains.forward);
  await removeChain("mangle", "INPUT", chains.input);
  await removeChain("mangle", "FORWARD", chains.egress);
  await removeChain("mangle", "FORWARD", chains.ingress);
};
