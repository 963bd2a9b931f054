import type { NetworkPolicy } from "#nervous-system/kubernetes/kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { label } from "#nervous-system/schemas/names.ts";
import { collectorPort, gatewayPort } from "#operator/pod/config.ts";
import { sameJson } from "#operator/status/change.ts";

type PolicySpec = NonNullable<NetworkPolicy["spec"]>;
type Selector = NonNullable<PolicySpec["podSelector"]>;

/** A release of the chart: its name, and the namespace that it is installed in. */
export type Release = { readonly name: string; readonly namespace: string };

/** What confines the pods of a namespace, as it was read. */
export type NetworkView = {
  readonly namespace: string;
  readonly release: Release;
  /** Every NetworkPolicy of the namespace. */
  readonly policies: readonly NetworkPolicy[];
};

/** Why no pod may be made here: `stalled` where a person must act. */
type Unconfined = { reason: string; message: string; stalled: boolean };

/** Name of the chart's NetworkPolicy in each tenant's namespace. */
export const confinementName = "enchanted-confined";

const wayTo = ({ name, namespace }: Release, component: string, port: number) => ({
  to: [
    {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
      podSelector: {
        matchLabels: {
          "app.kubernetes.io/part-of": "enchanted-swarm",
          "app.kubernetes.io/instance": name,
          "app.kubernetes.io/component": component,
        },
      },
    },
  ],
  ports: [{ protocol: "TCP", port }],
});

/** What the chart says of confined pods: they reach collector and gateway, and nobody reaches them. */
export const confinementOf = (release: Release): PolicySpec => ({
  podSelector: { matchLabels: { [label.confined]: "true" } },
  policyTypes: ["Ingress", "Egress"],
  egress: [wayTo(release, "collector", collectorPort), wayTo(release, "gateway", gatewayPort)],
});

type Requirement = NonNullable<Selector["matchExpressions"]>[number];

// Kubernetes gives these to a pod when it is bound to a node.
const ofItsNode = "topology.kubernetes.io/";
const mayHave = (key: string): boolean => Object.values<string>(label).includes(key) || key.startsWith(ofItsNode);

// Pods of ours have no other labels, and nobody gives them any; of values only that of `confined` is looked at here.
const mayHold = ({ key, operator, values = [] }: Requirement): boolean => {
  const negative = operator === "NotIn" || operator === "DoesNotExist";
  if (key !== label.confined) return negative || mayHave(key);
  if (operator === "Exists" || operator === "DoesNotExist") return !negative;
  return values.includes("true") !== negative;
};

const maySelectOurs = ({ matchLabels = {}, matchExpressions = [] }: Selector): boolean =>
  [
    ...Object.entries(matchLabels).map(([key, value]) => ({ key, operator: "In", values: [value] })),
    ...matchExpressions,
  ].every(mayHold);

/** What a policy opens for the pods that it selects. */
const openedBy = ({ spec = {} }: NetworkPolicy): string[] => {
  const { policyTypes = [], egress = [], ingress = [] } = spec;
  return [
    ...(policyTypes.includes("Egress") && egress.length > 0 ? ["lets agents out"] : []),
    // Who connects to an agent takes along whatever it says.
    ...(policyTypes.includes("Ingress") && ingress.length > 0 ? ["lets others reach agents"] : []),
  ];
};

const missing = ({ namespace, policies, release }: NetworkView): string | undefined => {
  const found = policies.find(({ metadata }) => metadata.name === confinementName);
  if (found === undefined || found.metadata.deletionTimestamp !== undefined)
    return `NetworkPolicy "${confinementName}" is missing in namespace "${namespace}", so that nothing would confine its agents: upgrade the release (helm upgrade), which makes it.`;
  return sameJson(found.spec, confinementOf(release))
    ? undefined
    : `NetworkPolicy "${confinementName}" of namespace "${namespace}" is not as the release made it: delete it and upgrade the release (helm upgrade), which makes it anew.`;
};

const unknown = { reason: Reason.CheckUnavailable, message: "The NetworkPolicies were not read.", stalled: false };

/** Why the pods of a namespace would not be confined to collector and gateway; undefined where they would. */
export const judgeNetwork = (network: NetworkView | undefined): Unconfined | undefined => {
  if (network === undefined) return unknown;
  const message = missing(network);
  if (message !== undefined) return { reason: Reason.NetworkPolicyMissing, message, stalled: true };
  const wider = network.policies.find(
    (policy) =>
      policy.metadata.name !== confinementName &&
      openedBy(policy).length > 0 &&
      maySelectOurs(policy.spec?.podSelector ?? {}),
  );
  return (
    wider && {
      reason: Reason.NetworkPolicyConflict,
      message: `NetworkPolicy "${wider.metadata.name}" of namespace "${network.namespace}" ${openedBy(wider).join(" and ")}, because policies add up: have its podSelector leave out pods with label ${label.confined} (operator: DoesNotExist).`,
      stalled: true,
    }
  );
};
