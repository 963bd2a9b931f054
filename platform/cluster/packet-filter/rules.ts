import { isOf, subtract, type Family } from "./family.ts";
import { selects, type NetworkSnapshot, type Peer, type PodView, type PolicyPort, type PolicyView } from "./model.ts";

/** The chains of the filter; they live in the mangle table, which no ACCEPT of another table leaps over. */
export const chains = {
  forward: "ENCHANTED-FORWARD",
  input: "ENCHANTED-INPUT",
  egress: "ENCHANTED-EGRESS",
  ingress: "ENCHANTED-INGRESS",
} as const;

type Direction = "Egress" | "Ingress";

/** A pod at its address in one family. */
type Placed = { readonly pod: PodView; readonly at: string };

/** Pods that have an address of the pod network now; a finished pod's address may be another's already. */
const placed = (family: Family, pods: readonly PodView[]): Placed[] =>
  pods
    .filter(
      ({ spec, status }) => spec.hostNetwork !== true && status.phase !== "Succeeded" && status.phase !== "Failed",
    )
    .flatMap((pod) => {
      const { podIP, podIPs = podIP === undefined ? [] : [{ ip: podIP }] } = pod.status;
      return podIPs.filter(({ ip }) => isOf(family, ip)).map(({ ip }) => ({ pod, at: `${ip}/${family.bits}` }));
    });

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
type Side = { readonly cidr: string; readonly pod?: PodView };

/** What the rules of one family follow from. */
type View = { readonly family: Family; readonly snapshot: NetworkSnapshot; readonly pods: readonly Placed[] };

const sidesOf = ({ family, snapshot, pods }: View, policy: PolicyView, peers?: readonly Peer[]): Side[] => {
  if (peers === undefined || peers.length === 0) return [{ cidr: family.anywhere }];
  return peers.flatMap((peer) => {
    if (peer.ipBlock !== undefined) {
      const { cidr, except = [] } = peer.ipBlock;
      return isOf(family, cidr) ? subtract(family, cidr, except).map((range) => ({ cidr: range })) : [];
    }
    const namespaces = namespacesOf(snapshot, policy, peer);
    return pods
      .filter(({ pod }) => namespaces.has(pod.metadata.namespace))
      .filter(({ pod }) => selects(peer.podSelector ?? {}, pod.metadata.labels))
      .map(({ pod, at }) => ({ cidr: at, pod }));
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

/** What may pass for one isolated pod in one direction. */
const allowances = (view: View, { pod, at }: Placed, direction: Direction): string[] => {
  const { own, far } = flags[direction];
  return policiesFor(view.snapshot, pod, direction).flatMap((policy) =>
    rulesOfPolicy(policy, direction).flatMap(({ peers, ports }) =>
      sidesOf(view, policy, peers).flatMap((side) =>
        matchesOf(ports, direction === "Egress" ? side.pod : pod).map((match) =>
          [`${own} ${at}`, `${far} ${side.cidr}`, match, "-j RETURN"].filter(Boolean).join(" "),
        ),
      ),
    ),
  );
};

const egressRules = (view: View, one: Placed): string[] =>
  policiesFor(view.snapshot, one.pod, "Egress").length > 0
    ? allowances(view, one, "Egress")
    : [`-s ${one.at} -j RETURN`];

const ingressRules = (view: View, one: Placed): string[] =>
  policiesFor(view.snapshot, one.pod, "Ingress").length > 0
    ? [...allowances(view, one, "Ingress"), `-d ${one.at} -j DROP`]
    : [];

const established = "-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN";

/**
 * Renders the whole filter of one family for iptables-restore. What a pod sends passes when no policy isolates the pod, or one
 * says so; what comes from an address that is nobody's yet is dropped.
 */
export const renderPacketFilter = (family: Family, snapshot: NetworkSnapshot): string => {
  const pods = placed(family, snapshot.pods);
  const view = { family, snapshot, pods };
  return [
    "*mangle",
    ...Object.values(chains).map((chain) => `:${chain} - [0:0]`),
    `-A ${chains.forward} ${established}`,
    `-A ${chains.forward} ${family.fromPods} -j ${chains.egress}`,
    `-A ${chains.forward} ${family.toPods} -j ${chains.ingress}`,
    `-A ${chains.input} ${established}`,
    ...family.neighbours.map((rule) => `-A ${chains.input} ${rule}`),
    `-A ${chains.input} ${family.fromPods} -j ${chains.egress}`,
    ...pods.flatMap((one) => egressRules(view, one)).map((rule) => `-A ${chains.egress} ${rule}`),
    `-A ${chains.egress} -j DROP`,
    ...pods.flatMap((one) => ingressRules(view, one)).map((rule) => `-A ${chains.ingress} ${rule}`),
    "COMMIT",
    "",
  ].join("\n");
};
