import { beforeAll, describe, expect, it } from "@jest/globals";
import { families } from "#platform/cluster/packet-filter/family.ts";
import { selects, type NetworkSnapshot, type PodView, type PolicyView } from "#platform/cluster/packet-filter/model.ts";
import { renderPacketFilter } from "#platform/cluster/packet-filter/rules.ts";
import { chartNamespace, renderChart, type ChartObject } from "#platform/scan/render-chart.ts";

type Labels = Record<string, string>;
type Workload = ChartObject & {
  spec: {
    template: {
      metadata: { labels: Labels };
      spec: {
        containers: Array<{ env?: Array<{ value?: string }>; ports?: Array<{ name: string; containerPort: number }> }>;
      };
    };
  };
};
type Service = ChartObject & {
  spec: { selector: Labels; ports: Array<{ port: number; targetPort: string }> };
};
/** A connection: from a pod, to a pod at a port. */
type Way = { from: string; to: string; port: number };

const outside = "93.184.216.34";
const tenants = ["default", "red"];
const stores = ["clickhouse", "jaeger", "nats", "neo4j", "s3", "weaviate"];
const components = [
  "auditor",
  "collector",
  "gateway",
  "operator",
  "publisher",
  "reader",
  "siphon",
  "summarizer",
  "trimmer",
];

/** Who calls whom: every way that there is in the default rendering. */
const callers = [
  "auditor → clickhouse:8443",
  "auditor → nats:4222",
  "auditor → neo4j:7687",
  "auditor → s3:7070",
  "collector → jaeger:4317",
  "collector → nats:4222",
  "collector → reader:4319",
  "collector → s3:7070",
  "gateway → collector:4317",
  "operator → collector:4317",
  "operator → gateway:8443",
  "operator → jaeger:4317",
  "operator → nats:4222",
  "publisher → collector:4317",
  "publisher → nats:4222",
  "reader → clickhouse:8443",
  "reader → neo4j:7687",
  "reader → weaviate:50051",
  "reader → weaviate:8443",
  "siphon → clickhouse:8443",
  "siphon → nats:4222",
  "siphon → neo4j:7687",
  "siphon → s3:7070",
  "siphon → weaviate:50051",
  "siphon → weaviate:8443",
  "summarizer → collector:4317",
  "summarizer → nats:4222",
  "trimmer → nats:4222",
];
/** An agent, its verifier and what fetches for them. */
const agents = tenants.flatMap((tenant) => [
  `agent of ${tenant} → collector:4317`,
  `agent of ${tenant} → gateway:8443`,
]);

const say = ({ from, to, port }: Way): string => `${from} → ${to}:${port}`;

/** Pods that are none of the release's. */
const strangers: ReadonlyArray<readonly [name: string, namespace: string, labels: Labels]> = [
  ...tenants.map((tenant) => [`agent of ${tenant}`, tenant, { "swarm.enchanted.dev/confined": "true" }] as const),
  ["program of a tenant", "default", {}],
  ["agent of nobody", "elsewhere", { "swarm.enchanted.dev/confined": "true" }],
  ["forge", "forge", { app: "gitea" }],
  ["model", "models", { app: "model-server" }],
  ["prometheus", "monitoring", { app: "prometheus" }],
  ["false gateway", "elsewhere", { "app.kubernetes.io/component": "gateway" }],
];

const named = (name: string) => ({ matchLabels: { "kubernetes.io/metadata.name": name } });

const isWorkload = (object: ChartObject): object is Workload =>
  "template" in ((object as Partial<Workload>).spec ?? {});
const componentOf = ({ metadata }: ChartObject): string => metadata.name.replace("enchanted-", "");

const aPod = (name: string, namespace: string, labels: Labels, index: number, spec?: Workload["spec"]): PodView => ({
  metadata: { name, namespace, labels },
  spec: { containers: spec?.template.spec.containers ?? [{ ports: [{ containerPort: 8080 }] }] },
  status: { podIP: `10.244.0.${index + 10}`, phase: "Running" },
});

/** The cluster that a rendering makes, with strangers in it. */
const clusterOf = (objects: readonly ChartObject[]): NetworkSnapshot => {
  const workloads = objects.filter(isWorkload);
  const ours = workloads.map((one, at) => {
    const { labels } = one.spec.template.metadata;
    return aPod(componentOf(one), chartNamespace, labels, at, one.spec);
  });
  const pods = [...ours, ...strangers.map((one, at) => aPod(...one, at + 100))];
  const names = new Set(pods.map(({ metadata }) => metadata.namespace));
  return {
    pods,
    namespaces: [...names].map((name) => ({ metadata: { name, labels: named(name).matchLabels } })),
    policies: objects.filter(({ kind }) => kind === "NetworkPolicy") as unknown as PolicyView[],
  };
};

/** Answers of a snapshot's packet filter, by the rules that the embedded platform gives to the kernel. */
const filterOf = (snapshot: NetworkSnapshot) => {
  const [ipv4] = families;
  if (ipv4 === undefined) throw new Error("no family");
  const lines = renderPacketFilter(ipv4, snapshot).split("\n");
  const passes = (chain: string, from: string, to: string, port: number): boolean => {
    const hit = lines
      .filter((line) => line.startsWith(`-A ENCHANTED-${chain} `))
      .find((line) => {
        const flag = (name: string): string | undefined => line.split(` ${name} `)[1]?.split(" ")[0];
        const is = (name: string, ip: string): boolean => [undefined, `${ip}/32`, "0.0.0.0/0"].includes(flag(name));
        const ports = [undefined, String(port)];
        return is("-s", from) && is("-d", to) && flag("-p") !== "udp" && ports.includes(flag("--dport"));
      });
    return hit === undefined || hit.endsWith("-j RETURN");
  };
  return (from: string, to: string, port: number): boolean =>
    passes("EGRESS", from, to, port) && passes("INGRESS", from, to, port);
};

const ipOf = ({ status }: PodView): string => status.podIP ?? "";
const portsOf = ({ spec }: PodView): number[] =>
  spec.containers.flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort));

/** Every way to a pod of the release that is open. */
const openWays = (snapshot: NetworkSnapshot): string[] => {
  const passes = filterOf(snapshot);
  const ours = snapshot.pods.filter(({ metadata }) => metadata.namespace === chartNamespace);
  const ways = snapshot.pods.flatMap((from) =>
    ours
      .filter((to) => to !== from)
      .flatMap((to) =>
        portsOf(to)
          .filter((port) => passes(ipOf(from), ipOf(to), port))
          .map((port) => say({ from: from.metadata.name, to: to.metadata.name, port })),
      ),
  );
  return ways.toSorted();
};

/** Whom the environment of each workload names, as the pod and the port that its Service leads to. */
const namedWays = (objects: readonly ChartObject[], { pods }: NetworkSnapshot): string[] => {
  const services = objects.filter(({ kind }) => kind === "Service") as Service[];
  const target = (name: string, port: number): { to: string; port: number } => {
    const spec = services.find(({ metadata }) => metadata.name === name)?.spec;
    const pod = pods.find(
      ({ metadata }) => spec !== undefined && selects({ matchLabels: spec.selector }, metadata.labels),
    );
    const named = spec?.ports.find((one) => one.port === port)?.targetPort;
    const found = pod?.spec.containers[0]?.ports?.find((one) => one.name === named);
    return { to: pod?.metadata.name ?? `nobody behind ${name}`, port: found?.containerPort ?? 0 };
  };
  const ways = objects.filter(isWorkload).flatMap((workload) =>
    workload.spec.template.spec.containers
      .flatMap(({ env = [] }) =>
        env.map(({ value = "" }) => /^(?:[\w+]+:\/\/)?(enchanted-[a-z0-9]+):(\d+)$/.exec(value)),
      )
      .filter((found) => found !== null)
      .map(([, name = "", port]) => say({ from: componentOf(workload), ...target(name, Number(port)) })),
  );
  return [...new Set(ways)].toSorted();
};

let objects: ChartObject[] = [];
let cluster: NetworkSnapshot;

beforeAll(async () => {
  objects = await renderChart(`tenants=${JSON.stringify(tenants)}`);
  cluster = clusterOf(objects);
}, 600_000);

describe("the components", () => {
  it("call whom their environment names", () => {
    expect(namedWays(objects, cluster)).toEqual(callers);
  });

  it.each([...callers, ...agents])("%s is open", (way) => {
    expect(openWays(cluster)).toContain(way);
  });

  it("answer nobody else: no forge, no model, no program of a tenant, no agent elsewhere", () => {
    expect(openWays(cluster)).toEqual([...callers, ...agents].toSorted());
  });

  it("have a policy each, the hook of the uninstallation too", () => {
    const names = cluster.policies.map(({ metadata }) => metadata.name);
    const expected = [...components, ...stores, "uninstall"].map((name) => `enchanted-${name}`);
    expect(names.filter((name) => name !== "enchanted-confined").toSorted()).toEqual(expected.toSorted());
    expect(objects.filter(isWorkload).map(componentOf).toSorted()).toEqual(
      [...components, ...stores, "uninstall"].toSorted(),
    );
  });

  it("reach the world outside, but for the stores", () => {
    const passes = filterOf(cluster);
    const reaching = cluster.pods
      .filter(({ metadata }) => metadata.namespace === chartNamespace)
      .filter((pod) => passes(ipOf(pod), outside, 443))
      .map(({ metadata }) => metadata.name);
    expect(reaching.toSorted()).toEqual([...components, "uninstall"].toSorted());
  });

  it("show their metrics to whom a value names, and nothing beside them", async () => {
    const peers = [{ namespaceSelector: named("monitoring") }];
    const open = openWays(clusterOf(await renderChart(`metrics.allowFrom=${JSON.stringify(peers)}`)));
    const expected = components.map((name) => `prometheus → ${name}:8080`);
    expect(open.filter((way) => way.startsWith("prometheus"))).toEqual(expected);
  });

  it("answer the questions of whom a value names, but for agents", async () => {
    const peers = [{ namespaceSelector: named("default"), podSelector: {} }];
    const open = openWays(clusterOf(await renderChart(`reader.allowFrom=${JSON.stringify(peers)}`)));
    expect(open.filter((way) => way.endsWith("reader:4319"))).toEqual([
      "collector → reader:4319",
      "program of a tenant → reader:4319",
    ]);
  });

  it("take the record of programs elsewhere that a value names", async () => {
    const peers = [{ namespaceSelector: named("default"), podSelector: {} }];
    const open = openWays(clusterOf(await renderChart(`collector.allowFrom=${JSON.stringify(peers)}`)));
    expect(open.filter((way) => way.startsWith("program of a tenant"))).toEqual([
      "program of a tenant → collector:4317",
      "program of a tenant → collector:4318",
    ]);
  });

  it("are closed to agents where no namespace is a tenant's", async () => {
    const open = openWays(clusterOf(await renderChart("tenants=[]")));
    expect(open).toEqual(callers);
  });
});
