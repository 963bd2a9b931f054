import { X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { startControlPlane, type ControlPlane } from "#platform/cluster/control-plane.ts";
import { run } from "#platform/process/run.ts";
import { chartNamespace, renderChart, requiredValues, type ChartObject } from "#platform/scan/render-chart.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";

jest.setTimeout(120_000);

type Data = Readonly<Record<string, string>>;
type Secret = ChartObject & { data: Data };
type Volume = { name: string; secret?: { secretName: string }; configMap?: { name: string } };
type Container = {
  env?: Array<{ name: string; value?: string }>;
  args?: string[];
  volumeMounts?: Array<{ name: string; mountPath: string }>;
};
type Workload = ChartObject & {
  spec: { template: { metadata: { annotations?: Data }; spec: { containers: Container[]; volumes?: Volume[] } } };
};

const stores = ["nats", "clickhouse", "s3", "jaeger", "neo4j", "weaviate"];
const servers = ["collector", "gateway", "reader", ...stores].map((name) => `enchanted-${name}`);

const decode = (text = ""): string => Buffer.from(text, "base64").toString("utf8");
const isWorkload = (object: ChartObject): object is Workload =>
  "template" in ((object as Partial<Workload>).spec ?? {});

/** Every certificate of a PEM text. */
const certificatesOf = (pem: string): X509Certificate[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)].map(
    ([one]) => new X509Certificate(one),
  );

/** Whether one of the CAs signed it, and by name. */
const isFrom = (cas: readonly X509Certificate[], certificate: X509Certificate): boolean =>
  cas.some((ca) => ca.subject === certificate.issuer && certificate.verify(ca.publicKey));

/** Every file of certificates that a workload's environment or arguments name. */
const namedFiles = ({ spec }: Workload): string[] =>
  spec.template.spec.containers
    .flatMap(({ env = [], args = [] }) => [...env.map(({ value = "" }) => value), ...args])
    .filter((text) => /^\/(?:ca|tls)\//.test(text));

/** Every file of certificates that a workload's mounts hold. */
const mountedFiles = (workload: Workload, objects: readonly ChartObject[]): string[] => {
  const { containers, volumes = [] } = workload.spec.template.spec;
  const mounts = containers.flatMap(({ volumeMounts = [] }) => volumeMounts);
  return mounts.flatMap(({ name, mountPath }) => {
    const { secret, configMap } = volumes.find((volume) => volume.name === name) ?? { name };
    const source = objects.find(
      (object) =>
        (object.kind === "Secret" && object.metadata.name === secret?.secretName) ||
        (object.kind === "ConfigMap" && object.metadata.name === configMap?.name),
    ) as Partial<Secret> | undefined;
    return Object.keys(source?.data ?? {}).map((key) => `${mountPath}/${key}`);
  });
};

const environmentOf = (objects: readonly ChartObject[], component: string): Record<string, string | undefined> => {
  const workload = objects.filter(isWorkload).find(({ metadata }) => metadata.name === `enchanted-${component}`);
  const entries = workload?.spec.template.spec.containers.flatMap(({ env = [] }) => env) ?? [];
  return Object.fromEntries(entries.map(({ name, value }) => [name, value]));
};

const somePem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

const external = (url: string, name: string): string[] => [
  `${name}.bundled=false`,
  `${name}.${["nats", "clickhouse", "neo4j", "weaviate"].includes(name) ? "url" : "endpoint"}="${url}"`,
  ...(name === "jaeger" ? [] : [`${name}.existingSecret="mine"`]),
  ...(name === "weaviate" ? [`weaviate.grpcUrl="${url}"`] : []),
];

describe("certificates of the chart", () => {
  it("are one for each server, for its names and from its CA, the key in a Secret of its own", async () => {
    const objects = await renderChart();
    const ca = objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "enchanted-ca");
    const cas = certificatesOf((ca as Secret).data["ca.crt"] ?? "");
    for (const server of servers) {
      const secret = objects.find(({ kind, metadata }) => kind === "Secret" && metadata.name === `${server}-tls`);
      const { data } = secret as Secret;
      expect(Object.keys(data).toSorted()).toEqual(["ca.crt", "tls.crt", "tls.key"]);
      const certificate = new X509Certificate(decode(data["tls.crt"]));
      expect(isFrom(cas, certificate)).toBe(true);
      for (const name of [server, `${server}.${chartNamespace}`, `${server}.${chartNamespace}.svc`, "localhost"])
        expect(certificate.checkHost(name)).toBe(name);
      expect(certificate.checkHost("elsewhere")).toBeUndefined();
    }
  }, 600_000);

  it("are where the pods look for them", async () => {
    const cas = [...stores.map((name) => `${name}.caCertificate`), "collector.metricsCaCertificate"];
    const bundled = await renderChart();
    const elsewhere = await renderChart(
      ...stores.flatMap((name) => external("https://store.example.org:4317", name)),
      ...cas.map((value) => `${value}=${JSON.stringify(somePem)}`),
      `collector.metricsEndpoint="https://metrics.example.org:4317"`,
    );
    for (const objects of [bundled, elsewhere])
      for (const workload of objects.filter(isWorkload))
        expect(mountedFiles(workload, objects)).toEqual(expect.arrayContaining(namedFiles(workload)));
    for (const store of bundled.filter(isWorkload).filter(({ metadata }) => stores.includes(metadata.name.slice(10))))
      expect(mountedFiles(store, bundled)).toEqual(expect.arrayContaining(["/tls/tls.crt", "/tls/tls.key"]));
    const collector = elsewhere.filter(isWorkload).find(({ metadata }) => metadata.name === "enchanted-collector");
    // The reader is the chart's own in any case.
    const named = [
      "/tls/tls.crt",
      "/tls/tls.key",
      ...["ca", "nats", "s3", "jaeger", "metrics"].map((ca) => `/ca/${ca}.crt`),
    ];
    expect(namedFiles(collector as Workload)).toEqual(named);
  });

  it("are asked for by every component, of every bundled store", async () => {
    const objects = await renderChart();
    const plain = objects
      .filter(isWorkload)
      .flatMap((workload) => Object.values(environmentOf(objects, workload.metadata.name.replace("enchanted-", ""))))
      .filter((value) => /^(?:http|nats|bolt|neo4j):\/\//.test(value ?? ""));
    expect(plain).toEqual([]);
    const collector = environmentOf(objects, "collector");
    expect(collector).toMatchObject({
      NATS_URL: "tls://enchanted-nats:4222",
      NATS_CA_FILE: "/ca/ca.crt",
      S3_ENDPOINT: "https://enchanted-s3:7070",
      S3_CA_FILE: "/ca/ca.crt",
      ENCHANTED_TRACES_ENDPOINT: "https://enchanted-jaeger:4317",
      ENCHANTED_TRACES_CA_FILE: "/ca/ca.crt",
    });
    expect(environmentOf(objects, "siphon")).toMatchObject({
      CLICKHOUSE_URL: "https://enchanted-clickhouse:8443",
      CLICKHOUSE_CA_FILE: "/ca/ca.crt",
      S3_ENDPOINT: "https://enchanted-s3:7070",
      S3_CA_FILE: "/ca/ca.crt",
      NEO4J_URL: "bolt+s://enchanted-neo4j:7687",
      NEO4J_CA_FILE: "/ca/ca.crt",
      WEAVIATE_URL: "https://enchanted-weaviate:8443",
      WEAVIATE_GRPC_URL: "https://enchanted-weaviate:50051",
      WEAVIATE_CA_FILE: "/ca/ca.crt",
    });
    expect(environmentOf(objects, "reader")).toMatchObject({
      CLICKHOUSE_URL: "https://enchanted-clickhouse:8443",
      CLICKHOUSE_CA_FILE: "/ca/ca.crt",
      CLICKHOUSE_USER: "enchanted_reader",
    });
    // The auditor only reads the ledger.
    expect(environmentOf(objects, "auditor")).toMatchObject({
      CLICKHOUSE_CA_FILE: "/ca/ca.crt",
      CLICKHOUSE_USER: "enchanted_reader",
      S3_CA_FILE: "/ca/ca.crt",
      NEO4J_CA_FILE: "/ca/ca.crt",
    });
    expect(environmentOf(objects, "operator")).toMatchObject({
      NATS_CA_FILE: "/ca/ca.crt",
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca/ca.crt",
    });
    for (const component of ["siphon", "summarizer", "publisher", "trimmer", "auditor"])
      expect(environmentOf(objects, component)).toMatchObject({ NATS_CA_FILE: "/ca/ca.crt" });
  });

  it("are of a public CA where an external store names none, and not asked for where its URL says so", async () => {
    const known = environmentOf(await renderChart(...external("tls://nats.example.org:4222", "nats")), "collector");
    expect(known).toMatchObject({ NATS_URL: "tls://nats.example.org:4222" });
    expect(known).not.toHaveProperty("NATS_CA_FILE");
    const plain = environmentOf(await renderChart(...external("http://traces.example.org:4317", "jaeger")), "operator");
    expect(plain).toMatchObject({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://traces.example.org:4317" });
    expect(plain).not.toHaveProperty("OTEL_EXPORTER_OTLP_CERTIFICATE");
  });

  it("are looked for where the embedder's endpoint has its own CA and key", async () => {
    const objects = await renderChart(
      `embedder.kind="openai"`,
      `embedder.url="https://models.example.org/v1"`,
      `embedder.model="text-embedding-3-small"`,
      `embedder.dimensions=1536`,
      `embedder.caCertificate=${JSON.stringify(somePem)}`,
      `embedder.existingSecret="mine"`,
    );
    expect(environmentOf(objects, "siphon")).toMatchObject({
      EMBEDDER: "openai",
      EMBEDDING_URL: "https://models.example.org/v1",
      EMBEDDING_DIMENSIONS: "1536",
      EMBEDDING_CA_FILE: "/ca/embedder.crt",
      EMBEDDING_KEY_FILE: "/embedder/key",
    });
    const siphon = objects.filter(isWorkload).find(({ metadata }) => metadata.name === "enchanted-siphon") as Workload;
    expect(mountedFiles(siphon, objects)).toContain("/ca/embedder.crt");
    expect(siphon.spec.template.spec.volumes?.map(({ secret }) => secret?.secretName)).toContain("mine");
  });

  it("are looked for where the summarizer's model has its own CA and key", async () => {
    const objects = await renderChart(
      `summarizer.url="https://models.example.org/v1"`,
      `summarizer.model="small-1"`,
      `summarizer.caCertificate=${JSON.stringify(somePem)}`,
      `summarizer.existingSecret="mine"`,
    );
    expect(environmentOf(objects, "summarizer")).toMatchObject({
      SUMMARY_URL: "https://models.example.org/v1",
      SUMMARY_MODEL: "small-1",
      SUMMARY_CALLS_PER_HOUR: "200",
      SUMMARY_CA_FILE: "/ca/summarizer.crt",
      SUMMARY_KEY_FILE: "/model/key",
    });
    const workloads = objects.filter(isWorkload);
    const summarizer = workloads.find(({ metadata }) => metadata.name === "enchanted-summarizer") as Workload;
    expect(mountedFiles(summarizer, objects)).toContain("/ca/summarizer.crt");
    const holders = workloads.filter(({ spec }) =>
      spec.template.spec.volumes?.some(({ secret }) => secret?.secretName === "mine"),
    );
    expect(holders).toEqual([summarizer]);
    expect(environmentOf(await renderChart(), "summarizer")).not.toHaveProperty("SUMMARY_URL");
    await expect(renderChart(`summarizer.url="https://models.example.org/v1"`)).rejects.toThrow(
      /summarizer\.model is required/,
    );
  });

  it("and the whole memory are left out where there is none", async () => {
    const objects = await renderChart("weaviate.bundled=false");
    expect(objects.filter(({ metadata }) => metadata.name.includes("weaviate"))).toEqual([]);
    expect(environmentOf(objects, "siphon")).not.toHaveProperty("WEAVIATE_URL");
    expect(environmentOf(objects, "siphon")).not.toHaveProperty("EMBEDDER");
  });

  it("are left out of a store that is not bundled", async () => {
    const objects = await renderChart(...external("https://ch.example.org:8443", "clickhouse"));
    expect(objects.map(({ metadata }) => metadata.name)).not.toContain("enchanted-clickhouse-tls");
  });
});

describe("an upgrade", () => {
  const namespace = "tls";
  let dir = "";
  let cluster: ControlPlane;

  const kubectl = (...args: string[]): Promise<string> =>
    run([cluster.kubectl, "--kubeconfig", cluster.kubeconfigPath, "--namespace", namespace, ...args]);
  const upgrade = async (): Promise<string> =>
    run([
      await ensureTool("helm"),
      "upgrade",
      "--install",
      "enchanted-swarm",
      "charts/enchanted-swarm",
      `--namespace=${namespace}`,
      "--create-namespace",
      `--kubeconfig=${cluster.kubeconfigPath}`,
      ...requiredValues.flatMap((value) => ["--set-json", value]),
    ]);
  const secretNow = async (): Promise<Data> =>
    (JSON.parse(await kubectl("get", "secret", "enchanted-tls", "--output=json")) as Secret).data;
  /** What each pod is annotated with, by workload. */
  const checksums = async (): Promise<Record<string, string>> => {
    const { items } = JSON.parse(await kubectl("get", "deployments,statefulsets", "--output=json")) as {
      items: Workload[];
    };
    return Object.fromEntries(
      items.map(({ metadata, spec }) => [metadata.name, JSON.stringify(spec.template.metadata.annotations)]),
    );
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "chart-tls-"));
    cluster = await startControlPlane({ dir });
    await upgrade();
  }, 600_000);
  afterAll(async () => {
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it("of a release whose stores had no certificates keeps those that agents know, and adds a CA", async () => {
    const before = await secretNow();
    const files = stores.flatMap((name) => [`enchanted-${name}.crt`, `enchanted-${name}.key`]);
    const gone = files.map((file) => ({ op: "remove", path: `/data/${file}` }));
    await kubectl("patch", "secret", "enchanted-tls", "--type=json", `--patch=${JSON.stringify(gone)}`);
    await upgrade();
    const after = await secretNow();
    for (const file of ["enchanted-collector.crt", "enchanted-gateway.key"]) expect(after[file]).toBe(before[file]);
    const [was, cas] = [certificatesOf(decode(before["ca.crt"])), certificatesOf(decode(after["ca.crt"]))];
    expect(cas.map(({ fingerprint256 }) => fingerprint256).slice(0, 1)).toEqual(was.map((ca) => ca.fingerprint256));
    expect(new Set(cas.map(({ subject }) => subject)).size).toBe(2);
    for (const server of servers) expect(isFrom(cas, new X509Certificate(decode(after[`${server}.crt`])))).toBe(true);
  });

  it("with nothing changed restarts nothing, and with new certificates everything that holds or checks one", async () => {
    const before = await checksums();
    await upgrade();
    expect(await checksums()).toEqual(before);
    await kubectl("delete", "secret", "enchanted-tls");
    await upgrade();
    const after = await checksums();
    const names = ["auditor", "operator", "publisher", "siphon", "summarizer", "trimmer"];
    const components = names.map((name) => `enchanted-${name}`);
    expect(Object.keys(after).toSorted()).toEqual([...servers, ...components].toSorted());
    for (const [name, checksum] of Object.entries(after)) expect([name, checksum]).not.toEqual([name, before[name]]);
  });
});
