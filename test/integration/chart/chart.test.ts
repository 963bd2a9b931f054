import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { confinementName, confinementOf } from "#operator/pod/confinement.ts";
import { startControlPlane, type ControlPlane } from "#platform/cluster/control-plane.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";

const run = promisify(execFile);
const digest = `@sha256:${"0".repeat(64)}`;
const images = ["operator", "pipeline", "scribe", "supervisor"].map(
  (name) => `images.${name}=r.example.org/${name}${digest}`,
);
const required = ["--set", [...images, `defaults.agentImage=r.example.org/agent${digest}`].join(",")];

type KubeObject = {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: { template?: { spec?: { containers?: object[] } }; containers?: object[] } | undefined;
};

const release = "enchanted-system";

let dir = "";
let helm = "";
let cluster: ControlPlane;

const renderText = async (name: string, namespace: string, ...more: string[]): Promise<string> => {
  const args = ["template", name, "charts/enchanted-swarm", "--namespace", namespace, "--kube-version", "1.36.3"];
  const { stdout } = await run(helm, [...args, ...required, ...more], { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
};

const render = async (...more: string[]): Promise<KubeObject[]> =>
  parseAllDocuments(await renderText("enchanted-swarm", release, ...more))
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);

/** All scalars of the documents in their order, as YAML 1.1 types them, which Kubernetes reads, or as they are written. */
const scalarsOf = (text: string, reading: { version: "1.1" } | { schema: "failsafe" }): unknown[] => {
  const leaves = (node: unknown): unknown[] =>
    typeof node === "object" && node !== null ? Object.values(node).flatMap(leaves) : [node];
  return parseAllDocuments(text, reading).flatMap((document) => leaves(document.toJS()));
};

const dryRun = async (object: KubeObject, ...more: string[]): Promise<string> => {
  const child = run(cluster.kubectl, [
    "--kubeconfig",
    cluster.kubeconfigPath,
    "create",
    "--dry-run=server",
    "--validate=strict",
    "-f",
    "-",
    ...more,
  ]);
  child.child.stdin?.end(JSON.stringify(object));
  return (await child).stdout;
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "chart-"));
  helm = await ensureTool("helm");
  cluster = await startControlPlane({ dir });
  await run(cluster.kubectl, ["--kubeconfig", cluster.kubeconfigPath, "create", "namespace", release]);
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe("the chart", () => {
  it("renders only what a real API server takes, strictly", async () => {
    const objects = await render();
    const answers = await Promise.all(objects.map((object) => dryRun(object)));
    expect(answers).toHaveLength(objects.length);
    expect(answers.filter((answer) => !answer.includes("created (server dry run)"))).toEqual([]);
  }, 120_000);

  it("runs every pod under restricted Pod Security", async () => {
    const namespace = "restricted";
    const kubectl = ["--kubeconfig", cluster.kubeconfigPath];
    await run(cluster.kubectl, [...kubectl, "create", "namespace", namespace]);
    await run(cluster.kubectl, [
      ...kubectl,
      "label",
      "namespace",
      namespace,
      "pod-security.kubernetes.io/enforce=restricted",
    ]);
    const workloads = (await render()).filter((object) => object.spec?.template?.spec?.containers !== undefined);
    expect(workloads.length).toBeGreaterThanOrEqual(9);
    for (const workload of workloads) {
      const pod: KubeObject & { apiVersion: string } = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: workload.metadata.name, namespace },
        spec: workload.spec?.template?.spec,
      };
      await expect(dryRun(withoutClaims(pod))).resolves.toContain("created");
    }
  }, 120_000);

  it("tells the operator what an agent may use", async () => {
    const given = ["limits.cpu=2", "limits.memory=512M", "requests.cpu=0.5"];
    const objects = await render("--set", given.map((one) => `defaults.agentResources.${one}`).join(","));
    const operator = objects.find(({ kind, metadata }) => kind === "Deployment" && metadata.name.endsWith("-operator"));
    expect(operator?.spec?.template?.spec?.containers).toMatchObject([
      {
        env: expect.arrayContaining([
          { name: "ENCHANTED_AGENT_CPU_LIMIT", value: "2" },
          { name: "ENCHANTED_AGENT_CPU_REQUEST", value: "0.5" },
          { name: "ENCHANTED_AGENT_MEMORY_LIMIT", value: "512M" },
        ]),
      },
    ]);
  });

  it("gives rights on pods in the tenants' namespaces only, to the operator and to the uninstall hook", async () => {
    type Rules = { rules?: Array<{ resources: string[]; verbs: string[] }> };
    const objects = await render("--set", "tenants={red,blue}");
    const onPods = (kind: string): string[] =>
      objects
        .filter((object) => object.kind === kind)
        .filter((role) =>
          (role as Rules).rules?.some(
            // The hook waits for the operator's own pods, in the release's namespace.
            ({ resources, verbs }) => resources.includes("pods") && verbs.some((verb) => verb !== "list"),
          ),
        )
        .map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`);
    expect(onPods("ClusterRole")).toEqual([]);
    const components = ["operator", "uninstall"];
    const expected = components.flatMap((name) => ["red", "blue"].map((t) => `${t}/${release}-enchanted-${name}`));
    expect(onPods("Role").toSorted()).toEqual(expected.toSorted());
    const bound = objects.filter(({ kind }) => kind === "RoleBinding").map(({ metadata }) => metadata);
    for (const role of expected) expect(bound.map(({ name, namespace }) => `${namespace}/${name}`)).toContain(role);
    expect(JSON.stringify(objects).match(/"name":"ENCHANTED_TENANTS","value":"red,blue"/g)).toHaveLength(2);
    // What a hook needs before anything is deleted must not be made in a namespace that may be gone.
    const hooks = objects.filter(({ metadata }) => JSON.stringify(metadata).includes('"helm.sh/hook"'));
    expect(hooks.map(({ metadata }) => metadata.namespace).filter((n) => n !== undefined && n !== release)).toEqual([]);
  });

  it.each([
    ["n", "1234"],
    ["1e3", "on"],
    ["null", "0x1f"],
  ])("keeps %s and %s names wherever they are given as names", async (name, releaseName) => {
    const stores = ["nats", "clickhouse", "s3", "neo4j"];
    const values = [
      ...stores.flatMap((store) => [`${store}.existingSecret`, `${store}.storage.storageClassName`, `${store}.image`]),
      ...["operator", "pipeline", "scribe", "supervisor"].map((image) => `images.${image}`),
      "wal.storageClassName",
      "jaeger.image",
      "s3.region",
      "s3.bucket",
      "defaults.agentImage",
      "tenants[0]",
      "imagePullSecrets[0].name",
    ].flatMap((key) => ["--set-json", `${key}=${JSON.stringify(name)}`]);
    const text = await renderText(releaseName, releaseName, ...values);
    const [read, written] = [scalarsOf(text, { version: "1.1" }), scalarsOf(text, { schema: "failsafe" })];
    const isName = (_: unknown, at: number): boolean => written[at] === name || written[at] === releaseName;
    expect(written.filter((scalar) => scalar === name).length).toBeGreaterThan(30);
    expect(read.filter(isName)).toEqual(written.filter(isName));
  });

  it("says of every object in which namespace it is, so that it can be applied without Helm", async () => {
    const kubectl = ["--kubeconfig", cluster.kubeconfigPath, "api-resources", "--namespaced=false", "--no-headers"];
    const { stdout } = await run(cluster.kubectl, kubectl);
    const wholeCluster = new Set(stdout.split("\n").map((line) => line.trim().split(/\s+/).at(-1)));
    const objects = await render("--set", "tenants={red},alerts.enabled=true");
    const [without, within] = [true, false].map((whole) =>
      objects.filter(({ kind }) => wholeCluster.has(kind) === whole).map(({ metadata }) => metadata.namespace),
    );
    expect(new Set(without)).toEqual(new Set([undefined]));
    expect(new Set(within)).toEqual(new Set([release, "red"]));
    const file = join(dir, "rendering.yaml");
    await writeFile(file, await renderText("enchanted-swarm", release, "--no-hooks"));
    const apply = ["--kubeconfig", cluster.kubeconfigPath, "apply", "--dry-run=server", "--output=json", "-f", file];
    const applied = await run(cluster.kubectl, apply, { maxBuffer: 16 * 1024 * 1024 });
    const { items } = JSON.parse(applied.stdout) as { items: KubeObject[] };
    expect(items.filter(({ kind }) => kind === "Deployment").map(({ metadata }) => metadata.namespace)).toContain(
      release,
    );
    expect(items.filter(({ kind }) => kind === "Job")).toEqual([]);
  });

  it.each([
    ["tenants={red,red}", /tenants.*equal/],
    ["gateway.allowRanges={10.96.0.80/33}", /gateway\/allowRanges\/0/],
    ["gateway.clusterRanges={1.2.3/8}", /gateway\/clusterRanges\/0/],
    ["tls.caCertificate=nonsense", /tls\/caCertificate.*BEGIN CERTIFICATE/],
    ["caBundle=nonsense", /caBundle.*BEGIN CERTIFICATE/],
    ["nats.streamSize=3Gi", /nats\.streamSize 3Gi and 1361Mi.*nats\.storage\.size 4Gi: make the storage larger/],
  ])("refuses %s before anything is installed", async (value, reason) => {
    await expect(render("--set", value)).rejects.toMatchObject({ stderr: expect.stringMatching(reason) });
  });

  it("takes what is just within the bounds", async () => {
    const ranges = "gateway.allowRanges={10.96.0.80/32,2001:db8:42::/48,::/0}";
    const sizes = "nats.streamSize=2735Mi,nats.storage.size=4Gi";
    await expect(render("--set", `${ranges},${sizes},tenants={red,blue}`)).resolves.not.toHaveLength(0);
    const external = "nats.bundled=false,nats.url=tls://n.example.org:4222,nats.existingSecret=n,nats.streamSize=9Gi";
    await expect(render("--set", external)).resolves.not.toHaveLength(0);
  });

  it("refuses its own namespace as a tenant's", async () => {
    await expect(render("--set", `tenants={red,${release}}`)).rejects.toMatchObject({
      stderr: expect.stringMatching(/tenants must not name "enchanted-system".*--namespace/),
    });
    await expect(render("--set", "tenants={red}")).resolves.not.toHaveLength(0);
  });

  it("lets who may view read the record, who may edit record too, and who may only record read nothing", async () => {
    type Role = { rules: Array<{ resources: string[]; verbs: string[] }> };
    const roles = (await render()).filter(({ kind }) => kind === "ClusterRole");
    const onRecord = (name: string): string[] =>
      (roles.find(({ metadata }) => metadata.name === name) as unknown as Role).rules
        .filter(({ resources }) => resources.includes("missions/record"))
        .flatMap(({ verbs }) => verbs);
    expect(onRecord("enchanted-view")).toEqual(["get"]);
    expect(onRecord("enchanted-edit")).toEqual(["get", "create"]);
    expect(onRecord("enchanted-record")).toEqual(["create"]);
  });

  it("confines each tenant's agents by the policy that the operator asks for", async () => {
    const policies = (await render("--set", "tenants={default,blue}")).filter(
      ({ metadata }) => metadata.name === confinementName,
    );
    expect(policies.map(({ metadata }) => metadata.namespace)).toEqual(["default", "blue"]);
    for (const { spec } of policies)
      expect(spec).toEqual(confinementOf({ name: "enchanted-swarm", namespace: release }));
    const stored = await dryRun(policies[0] as KubeObject, "--output=json");
    expect((JSON.parse(stored) as KubeObject).spec).toEqual(policies[0]?.spec);
  });

  it("leaves a store out that is not bundled, and asks for its address", async () => {
    await expect(render("--set", "clickhouse.bundled=false")).rejects.toMatchObject({
      stderr: expect.stringMatching(/clickhouse\.(url|existingSecret) is required/),
    });
    const external = await render(
      "--set",
      "clickhouse.bundled=false,clickhouse.url=https://ch.example.org,clickhouse.existingSecret=ch",
    );
    expect(external.map((object) => object.metadata.name)).not.toContain("enchanted-clickhouse");
    expect(JSON.stringify(external)).toContain("https://ch.example.org");
  });

  it("has no graph where Neo4j is neither bundled nor named", async () => {
    const without = await render("--set", "neo4j.bundled=false");
    expect(JSON.stringify(without)).not.toMatch(/neo4j/i);
    await expect(render("--set", "neo4j.bundled=false,neo4j.url=neo4j+s://g.example.org")).rejects.toMatchObject({
      stderr: expect.stringContaining("neo4j.existingSecret is required"),
    });
    const external = "neo4j.bundled=false,neo4j.url=neo4j+s://g.example.org,neo4j.existingSecret=my-graph";
    const text = JSON.stringify(await render("--set", external));
    expect(text).toMatch(/"name":"NEO4J_URL","value":"neo4j\+s:\/\/g\.example\.org"/);
    expect(text).toContain('"name":"my-graph"');
    expect(text).not.toMatch(/NEO4J_CA_FILE|enchanted-neo4j/);
  });

  it("is the same each time it is rendered, where certificates and credentials are your own", async () => {
    const ca = join(dir, "ca.pem");
    await writeFile(ca, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    const stores = ["nats", "clickhouse", "s3", "neo4j", "weaviate"]
      .map((store) => `${store}.existingSecret=my-${store}`)
      .join(",");
    const keys = `${stores},archive.signingKey.existingSecret=my-archive`;
    const own = ["--set", keys, "--set-file", `tls.caCertificate=${ca}`];
    const once = await render(...own);
    expect(await render(...own)).toEqual(once);
    expect(once.filter(({ kind }) => kind === "Secret")).toEqual([]);
    const text = JSON.stringify(once);
    for (const name of [
      "my-nats",
      "my-clickhouse",
      "my-s3",
      "my-neo4j",
      "my-weaviate",
      "my-archive",
      "enchanted-collector-tls",
      "enchanted-gateway-tls",
    ])
      expect(text).toContain(name);
    const named = once.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "enchanted-ca");
    expect(JSON.stringify(named)).toContain("MIIB");
    // Nothing may be left that names a Secret which nobody makes.
    expect(text).not.toMatch(/"name":"enchanted-(nats|clickhouse|s3|neo4j|weaviate)","key"/);
    expect(JSON.stringify(await render())).toMatch(/"name":"enchanted-(nats|clickhouse|s3|neo4j|weaviate)","key"/);
  }, 120_000);

  it("upgraded with nothing changed restarts nothing", async () => {
    const upgraded = ["enchanted-swarm", "charts/enchanted-swarm", "--namespace", "upgraded", "--create-namespace"];
    const helmRun = (verb: string) =>
      run(helm, [
        verb,
        ...upgraded.slice(0, verb === "upgrade" ? 4 : 5),
        ...required,
        "--kubeconfig",
        cluster.kubeconfigPath,
      ]);
    const templates = async (): Promise<Record<string, unknown>> => {
      const kubectl = ["--kubeconfig", cluster.kubeconfigPath, "--namespace", "upgraded"];
      const { stdout } = await run(cluster.kubectl, [...kubectl, "get", "deployments,statefulsets", "--output=json"]);
      const { items } = JSON.parse(stdout) as { items: KubeObject[] };
      return Object.fromEntries(items.map(({ kind, metadata, spec }) => [`${kind}/${metadata.name}`, spec?.template]));
    };
    await helmRun("install");
    const installed = await templates();
    expect(Object.keys(installed).length).toBeGreaterThanOrEqual(9);
    await helmRun("upgrade");
    expect(await templates()).toEqual(installed);
  }, 120_000);

  it("refuses a value that does not exist", async () => {
    await expect(render("--set", "gateway.allowPrivat=true")).rejects.toMatchObject({
      stderr: expect.stringMatching(/allowPrivat/),
    });
  });

  it("says which image is missing and where it comes from", async () => {
    await expect(render("--set", "images.scribe=")).rejects.toMatchObject({
      stderr: expect.stringMatching(/images\.scribe is required.*make up/),
    });
  });

  it("has alerts over metrics that there are, each with a runbook that there is", async () => {
    const table = await readFile("nervous-system/telemetry/metrics.ts", "utf8");
    const rules = (await render("--set", "alerts.enabled=true")).filter(({ kind }) => kind === "PrometheusRule");
    type Alerts = { groups: Array<{ rules: Array<{ expr: string; annotations: object }> }> };
    const alerts = rules.flatMap(({ spec }) => (spec as Alerts).groups.flatMap((group) => group.rules));
    expect(alerts.length).toBeGreaterThan(0);
    for (const { expr, annotations } of alerts) {
      for (const [name] of expr.matchAll(/enchanted_\w+/g)) expect(table).toContain(`"${name}"`);
      const [runbook = "none"] = /docs\/runbooks\/[a-z-]+\.md/.exec(JSON.stringify(annotations)) ?? [];
      expect(await readFile(runbook, "utf8")).toMatch(/^# /);
    }
  });
});

/** A StatefulSet's controller adds the volumes of its claims; a bare pod needs something in their place. */
const withoutClaims = (pod: KubeObject): KubeObject => {
  const spec = pod.spec as unknown as {
    containers: Array<{ volumeMounts?: Array<{ name: string }> }>;
    volumes?: Array<{ name: string }>;
  };
  const named = new Set(spec.volumes?.map((volume) => volume.name));
  const mounted = new Set(
    spec.containers.flatMap((container) => container.volumeMounts ?? []).map((mount) => mount.name),
  );
  const missing = [...mounted].filter((name) => !named.has(name)).map((name) => ({ name, emptyDir: {} }));
  return { ...pod, spec: { ...spec, volumes: [...(spec.volumes ?? []), ...missing] } } as unknown as KubeObject;
};
