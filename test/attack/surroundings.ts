import type { Kube } from "#test/e2e/kube.ts";

/** A place that a pod may try to reach. */
type Place = { what: string; host: string; port: number };

/** What lies around an agent's pod: where it tries to connect, to ask for names, and whom it sends echoes. */
export type Surroundings = { tcp: Place[]; dns: Array<Omit<Place, "port">>; icmp: Array<Omit<Place, "port">> };

type Service = { metadata: { name: string }; spec: { clusterIP: string; ports: Array<{ port: number }> } };
type Node = { status: { addresses: Array<{ type: string; address: string }> } };
type Container = { ports?: Array<{ containerPort: number }> };
type Pod = {
  metadata: { name: string; labels?: Record<string, string> };
  spec: { containers: Container[]; initContainers?: Container[] };
  status: { podIP?: string };
};

const KUBELET = 10_250;

const servicesOf = async (kube: Kube, namespace: string): Promise<Place[]> => {
  const services = await kube.list<Service>("services", namespace);
  return services.flatMap(({ metadata: { name }, spec: { clusterIP, ports } }) =>
    clusterIP === "None" ? [] : ports.map(({ port }) => ({ what: `${name}:${port}`, host: clusterIP, port })),
  );
};

const outside: readonly Place[] = [
  { what: "the metadata address", host: "169.254.169.254", port: 80 },
  { what: "the metadata address, IPv6", host: "fd00:ec2::254", port: 80 },
  { what: "the internet", host: "1.1.1.1", port: 443 },
  { what: "the internet, IPv6", host: "2606:4700:4700::1111", port: 443 },
  { what: "the internet, IPv4 mapped into IPv6", host: "::ffff:1.1.1.1", port: 443 },
];

/** A pod's ports without the Service before it, told by its component where it is one of ours. */
const portsOf = ({ metadata: { name, labels }, spec, status }: Pod): Place[] => {
  const { podIP: host } = status;
  const ports = [...spec.containers, ...(spec.initContainers ?? [])].flatMap((container) => container.ports ?? []);
  const component = labels?.["app.kubernetes.io/component"];
  const what = component ?? (labels?.["swarm.enchanted.dev/agent"] === undefined ? name : "another agent");
  return host === undefined
    ? []
    : ports.map(({ containerPort: port }) => ({ what: `${what}'s pod:${port}`, host, port }));
};

/** Looks around in the cluster, beside the pod of that name. */
export const lookAround = async (kube: Kube, namespaces: readonly string[], pod: string): Promise<Surroundings> => {
  const services = (await Promise.all(namespaces.map((one) => servicesOf(kube, one)))).flat();
  const pods = (await Promise.all(namespaces.map((one) => kube.list<Pod>("pods", one)))).flat();
  const [node] = await kube.list<Node>("nodes", "default");
  const nodeHost = node?.status.addresses.find(({ type }) => type === "InternalIP")?.address ?? "";
  const ports = pods.filter(({ metadata }) => metadata.name !== pod).flatMap(portsOf);
  const anotherAgent = ports.find(({ what }) => what.startsWith("another agent"));
  const hosts = [
    { what: "the node", host: nodeHost },
    ...(anotherAgent === undefined ? [] : [{ what: "another agent", host: anotherAgent.host }]),
    { what: "the internet", host: "1.1.1.1" },
  ];
  return {
    tcp: [
      ...services,
      ...ports,
      { what: "the node's kubelet", host: nodeHost, port: KUBELET },
      { what: "the node's SSH", host: nodeHost, port: 22 },
      ...outside,
    ],
    dns: hosts,
    icmp: hosts,
  };
};
