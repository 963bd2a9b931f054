import { node } from "../layout.ts";
import { selects, type NetworkSnapshot, type Peer, type PodView, type PolicyPort, type PolicyView } from "./model.ts";

/** A pod with this label reaches only what a policy's egress names, even when no policy selects it. */
const CONFINED_LABEL = "swarm.enchanted.dev/confined";

/** The chains of the filter; they live in the mangle table, which no ACCEPT of another table leaps over. */
export const chains = {
  forward: "ENCHANTED-FORWARD",
  input: "ENCHANTED-INPUT",
  egress: "ENCHANTED-EGRESS",
  ingress: "ENCHANTED-INGRESS",
} as const;

type Direction = "Egress" | "Ingress";

/** Pods that have an address of the pod network now; a finished pod's address may be another's already. */
const addressed = (pods: readonly PodView[]): PodView[] =>
  pods.filter(
    ({ spec, status }) =>
      spec.hostNetwork !== true &&
      status.podIP !== undefined &&
      status.phase !== "Succeeded" &&
      status.phase !== "Failed",
  );

const applies = (policy: PolicyView, direction: Direction): boolean =>
  policy.spec.policyTypes?.includes(direction) ?? (direction === "Ingress" || policy.spec.egress !== undefined);

const policiesFor = (snapshot: NetworkSnapshot, pod: PodView, direction: Direction): PolicyView[] =>
  snapshot.policies.filter(
    (policy) =>
      policy.metadata.namespace === pod.metadata.namespace &&
      applies(policy, direction) &&
      selects(policy.spec.podSelector ?? {}, pod.metadata.labels),
  );

const namespacesOf = (snapshot: NetworkSnapshot, policy: PolicyView, peer: Peer): Set<string> => {
  const selector = peer.namespaceSelector;
  if (selector === undefined) return new Set([policy.metadata.namespace]);
  const chosen = snapshot.namespaces.filter(({ metadata }) => selects(selector, metadata.labels));
  return new Set(chosen.map(({ metadata }) => metadata.name));
};

/** A far side of a connection: an address range, and the pod behind it when it is one. */
type Side = { readonly cidr: string; readonly except: readonly string[]; readonly pod?: PodView };

const sidesOf = (snapshot: NetworkSnapshot, policy: PolicyView, peers?: readonly Peer[]): Side[] => {
  if (peers === undefined || peers.length === 0) return [{ cidr: "0.0.0.0/0", except: [] }];
  return peers.flatMap((peer) => {
    if (peer.ipBlock !== undefined) {
      const { cidr, except = [] } = peer.ipBlock;
      return cidr.includes(":") ? [] : [{ cidr, except }];
    }
    const namespaces = namespacesOf(snapshot, policy, peer);
    return addressed(snapshot.pods)
      .filter(({ metadata }) => namespaces.has(metadata.namespace))
      .filter(({ metadata }) => selects(peer.podSelector ?? {}, metadata.labels))
      .map((pod) => ({ cidr: `${pod.status.podIP}/32`, except: [], pod }));
  });
};

const namedPorts = (pod: PodView | undefined, name: string): number[] =>
  (pod?.spec.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .filter((port) => port.name === name)
    .map((port) => port.containerPort);

/** The matches of one port of a rule; a named port is looked up in the pod that is connected to. */
const portMatches = ({ protocol = "TCP", port, endPort }: PolicyPort, target?: PodView): string[] => {
  const match = `-p ${protocol.toLowerCase()}`;
  if (port === undefined) return [match];
  if (typeof port === "string") return namedPorts(target, port).map((n) => `${match} --dport ${n}`);
  return [`${match} --dport ${endPort === undefined ? port : `${port}:${endPort}`}`];
};

const matchesOf = (ports: readonly PolicyPort[] | undefined, target?: PodView): string[] =>
  ports === undefined || ports.length === 0 ? [""] : ports.flatMap((port) => portMatches(port, target));

const flags = { Egress: { own: "-s", far: "-d" }, Ingress: { own: "-d", far: "-s" } } as const;

const rulesOfPolicy = (policy: PolicyView, direction: Direction) =>
  direction === "Egress"
    ? (policy.spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }))
    : (policy.spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }));

/** What may pass for one isolated pod in one direction; each exception makes its range pass nothing by this rule. */
const allowances = (snapshot: NetworkSnapshot, pod: PodView, direction: Direction): string[] => {
  const { own, far } = flags[direction];
  const prefix = `${own} ${pod.status.podIP}/32`;
  return policiesFor(snapshot, pod, direction).flatMap((policy) =>
    rulesOfPolicy(policy, direction).flatMap(({ peers, ports }) =>
      sidesOf(snapshot, policy, peers)
        // A range with exceptions needs a set of its own to be exact; refusing it whole is the safe side.
        .filter(({ except }) => except.length === 0)
        .flatMap((side) =>
          matchesOf(ports, direction === "Egress" ? side.pod : pod).map((match) =>
            [prefix, `${far} ${side.cidr}`, match, "-j RETURN"].filter(Boolean).join(" "),
          ),
        ),
    ),
  );
};

const isConfined = (pod: PodView): boolean => pod.metadata.labels?.[CONFINED_LABEL] === "true";

const egressRules = (snapshot: NetworkSnapshot, pod: PodView): string[] =>
  isConfined(pod) || policiesFor(snapshot, pod, "Egress").length > 0
    ? allowances(snapshot, pod, "Egress")
    : [`-s ${pod.status.podIP}/32 -j RETURN`];

const ingressRules = (snapshot: NetworkSnapshot, pod: PodView): string[] =>
  policiesFor(snapshot, pod, "Ingress").length > 0
    ? [...allowances(snapshot, pod, "Ingress"), `-d ${pod.status.podIP}/32 -j DROP`]
    : [];

const established = "-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN";

/**
 * Renders the whole filter for iptables-restore. What a pod sends passes only when a rule says so: an
 * address that is nobody's yet, and everything a rule does not name, is dropped.
 */
export const renderPacketFilter = (snapshot: NetworkSnapshot): string => {
  const pods = addressed(snapshot.pods);
  const fromPods = `-s ${node.podRange}`;
  return [
    "*mangle",
    ...Object.values(chains).map((chain) => `:${chain} - [0:0]`),
    `-A ${chains.forward} ${established}`,
    `-A ${chains.forward} ${fromPods} -j ${chains.egress}`,
    `-A ${chains.forward} -d ${node.podRange} -j ${chains.ingress}`,
    `-A ${chains.input} ${established}`,
    `-A ${chains.input} ${fromPods} -j ${chains.egress}`,
    ...pods.flatMap((pod) => egressRules(snapshot, pod)).map((rule) => `-A ${chains.egress} ${rule}`),
    `-A ${chains.egress} -j DROP`,
    ...pods.flatMap((pod) => ingressRules(snapshot, pod)).map((rule) => `-A ${chains.ingress} ${rule}`),
    "COMMIT",
    "",
  ].join("\n");
};
