import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createBus } from "#nervous-system/comms/nats/bus.ts";
import { exportTraces } from "#nervous-system/comms/grpc/methods.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createGraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import { createObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createVectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import { openBackend } from "#pipeline/collector/backend.ts";
import { freePorts } from "#platform/process/ports.ts";
import { startService, type ServiceSpec } from "#platform/process/service.ts";
import { renderChart, type ChartObject } from "#platform/scan/render-chart.ts";
import { ensureNeo4j, neo4jCommand } from "#platform/tools/neo4j.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";
import { createCleanup, temporaryDirectory } from "#test/integration/pipeline/bus-harness.ts";

type EnvVar = { name: string; value?: string };
type Rendered = ChartObject & {
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  spec?: { template: { spec: { containers: Array<{ args: string[]; env: EnvVar[] }> } } };
};

const cleanup = createCleanup();
const clock = systemClock();
let objects: Rendered[] = [];

beforeAll(async () => {
  objects = await renderChart();
}, 600_000);
afterAll(() => cleanup.run());

const find = (kind: string, name: string): Rendered => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === `enchanted-${name}`);
  if (found === undefined) throw new Error(`the chart renders no ${kind} ${name}`);
  return found;
};

/** Writes a server's Secret of certificates as its pod sees it. */
const writeTls = async (dir: string, store: string): Promise<{ caFile: string; caPem: string }> => {
  await mkdir(join(dir, "tls"));
  const data = find("Secret", `${store}-tls`).data ?? {};
  for (const [file, text] of Object.entries(data)) await writeFile(join(dir, "tls", file), Buffer.from(text, "base64"));
  return { caFile: join(dir, "tls/ca.crt"), caPem: Buffer.from(data["ca.crt"] ?? "", "base64").toString() };
};

/** The same text with each of these beginnings in place of what the pod has. */
const moved = (text: string, places: Readonly<Record<string, string>>): string =>
  Object.entries(places).reduce((moving, [from, to]) => moving.replaceAll(from, to), text);

const start = async (dir: string, spec: ServiceSpec): Promise<void> => {
  const service = await startService(spec, join(dir, "logs"));
  cleanup.add(() => service.stop());
};

describe("what the chart tells a bundled store", () => {
  it("has NATS serve clients and probes by TLS, and keep the rights of its users", async () => {
    const dir = await temporaryDirectory(cleanup);
    const { caFile, caPem } = await writeTls(dir, "nats");
    const [client = 0, monitor = 0] = await freePorts(2);
    const ports = { "port: 4222": `port: ${client}`, "https_port: 8222": `https_port: ${monitor}` };
    const places = { ...ports, "/tls/": `${dir}/tls/`, "store_dir: /data": `store_dir: "${dir}/data"` };
    const configuration = join(dir, "nats.conf");
    await writeFile(configuration, moved(find("ConfigMap", "nats").data?.["nats.conf"] ?? "", places));
    const passwords = find("Secret", "nats").stringData ?? {};
    const variables = Object.entries(passwords).map(([key, password]) => [
      key.toUpperCase().replace("-PASSWORD", "_PASSWORD"),
      JSON.stringify(password),
    ]);
    await start(dir, {
      name: "nats",
      command: [await ensureTool("nats-server"), "--config", configuration],
      env: { POD_NAME: "enchanted-nats-0", ...(Object.fromEntries(variables) as Record<string, string>) },
      ready: { kind: "http", url: `https://localhost:${monitor}/healthz`, caFile },
    });
    const bus = await createBus({
      servers: `tls://localhost:${client}`,
      name: "collector",
      user: "collector",
      password: passwords["collector-password"],
      caPem,
      log: silentLog,
      clock,
      random: Math.random,
      ids: randomIds(),
      signal: AbortSignal.timeout(20_000),
    });
    await bus.ensureStreams({ replicas: 1 });
    expect(bus.connected()).toBe(true);
    await bus.close();
  }, 60_000);

  it("has S3 serve HTTPS", async () => {
    const dir = await temporaryDirectory(cleanup);
    const { caFile, caPem } = await writeTls(dir, "s3");
    const [port = 0] = await freePorts(1);
    await mkdir(join(dir, "data"));
    const places = { ":7070": `127.0.0.1:${port}`, "/tls/": `${dir}/tls/`, "/data": join(dir, "data") };
    const args = find("StatefulSet", "s3").spec?.template.spec.containers[0]?.args ?? [];
    await start(dir, {
      name: "s3",
      command: [await ensureTool("versitygw"), ...args.map((arg) => moved(arg, places))],
      env: { ROOT_ACCESS_KEY: "key", ROOT_SECRET_KEY: "secret-of-the-test" },
      ready: { kind: "http", url: `https://localhost:${port}/health`, caFile },
    });
    const account = { accessKeyId: "key", secretAccessKey: "secret-of-the-test", region: "us-east-1" };
    const client = createObjectClient({ endpoint: `https://localhost:${port}`, bucket: "kept", caPem, ...account });
    await client.ensureBucket();
    await client.put("a", Buffer.from("hello"), 5);
    expect(await client.size("a")).toBe(5);
    client.close();
  }, 60_000);

  it("has Neo4j take Bolt by TLS and nothing else, for the account of its Secret", async () => {
    const dir = await temporaryDirectory(cleanup);
    const { caFile } = await writeTls(dir, "neo4j");
    const [port = 0] = await freePorts(1);
    const configuration = join(dir, "neo4j.conf");
    const text = find("ConfigMap", "neo4j").data?.["neo4j.conf"] ?? "";
    await writeFile(configuration, moved(text, { "0.0.0.0:7687": `127.0.0.1:${port}`, "=/tls": `=${dir}/tls` }));
    const { username = "", password = "" } = find("Secret", "neo4j").stringData ?? {};
    await start(dir, {
      name: "neo4j",
      command: neo4jCommand({ lib: await ensureNeo4j(), options: ["-Xmx512m"], home: dir, configuration }),
      env: { NEO4J_AUTH: `${username}/${password}` },
      ready: { kind: "tcp", host: "127.0.0.1", port },
      readyTimeoutMs: 180_000,
    });
    const client = createGraphClient({ url: `bolt://localhost:${port}`, caFile, username, password });
    const settings = "SHOW SETTINGS YIELD name, value WHERE name ENDS WITH '.enabled' AND value = 'true' RETURN name";
    const enabled = (await client.run<{ name: string }>(settings)).map(({ name }) => name);
    expect(enabled).toContain("server.bolt.enabled");
    for (const name of ["server.http.enabled", "server.https.enabled", "dbms.usage_report.enabled"])
      expect(enabled).not.toContain(name);
    await client.close();
  }, 300_000);

  it("has Weaviate take vectors by TLS, over both of its interfaces, from who has the key", async () => {
    const dir = await temporaryDirectory(cleanup);
    const { caFile, caPem } = await writeTls(dir, "weaviate");
    const [rest = 0, grpc = 0, gossip = 0, data = 0, raft = 0, raftRpc = 0] = await freePorts(6);
    const [{ args, env } = { args: [], env: [] }] =
      find("StatefulSet", "weaviate").spec?.template.spec.containers ?? [];
    const places = { "0.0.0.0": "127.0.0.1", "8443": String(rest), "50051": String(grpc), "/tls/": `${dir}/tls/` };
    const { apiKey = "" } = find("Secret", "weaviate").stringData ?? {};
    // Two of its variables hold the key, which a pod reads from the Secret.
    const told = env.map(({ name, value = apiKey }) => [name, moved(value, { ...places, "/data": dir })]);
    await start(dir, {
      name: "weaviate",
      command: [await ensureTool("weaviate"), ...args.map((arg) => moved(arg, places))],
      env: {
        ...(Object.fromEntries(told) as Record<string, string>),
        // A pod has these to itself.
        CLUSTER_GOSSIP_BIND_PORT: String(gossip),
        CLUSTER_DATA_BIND_PORT: String(data),
        RAFT_PORT: String(raft),
        RAFT_INTERNAL_RPC_PORT: String(raftRpc),
      },
      ready: { kind: "http", url: `https://localhost:${rest}/v1/.well-known/ready`, caFile },
      readyTimeoutMs: 120_000,
    });
    const urls = { url: `https://localhost:${rest}`, grpcUrl: `https://localhost:${grpc}` };
    const client = createVectorClient({ ...urls, caPem, apiKey });
    await client.ensureCollection({ name: "Probe", description: "", properties: { text: "words" }, tenants: true });
    await client.ensureTenants("Probe", ["default"]);
    const shelf = { collection: "Probe", tenant: "default" };
    await client.put(shelf, [{ id: "00000000-0000-4000-8000-000000000001", properties: { text: "hello" } }]);
    expect(await client.find(shelf, [], 5)).toMatchObject([{ properties: { text: "hello" } }]);
    const stranger = createVectorClient({ ...urls, caPem, apiKey: "another" });
    await expect(stranger.dropCollection("Probe")).rejects.toThrow(/unauthorized/i);
    await stranger.close();
    await client.close();
  }, 180_000);

  it("has the trace backend take spans by TLS, and show them on loopback alone", async () => {
    const dir = await temporaryDirectory(cleanup);
    const { caFile } = await writeTls(dir, "jaeger");
    const text = find("ConfigMap", "jaeger").data?.["config.yaml"] ?? "";
    expect(text.match(/0\.0\.0\.0:\d+/g)).toEqual(["0.0.0.0:13133", "0.0.0.0:4317"]);
    const [otlp = 0, query = 0, queryGrpc = 0, health = 0] = await freePorts(4);
    const configuration = join(dir, "config.yaml");
    const places = {
      "0.0.0.0:4317": `127.0.0.1:${otlp}`,
      ":16686": `:${query}`,
      ":16685": `:${queryGrpc}`,
      "0.0.0.0:13133": `127.0.0.1:${health}`,
      "/tls/": `${dir}/tls/`,
    };
    await writeFile(configuration, moved(text, places));
    await start(dir, {
      name: "jaeger",
      command: [await ensureTool("jaeger"), "--config", configuration],
      ready: { kind: "http", url: `http://127.0.0.1:${health}/status` },
    });
    const backend = await openBackend(`https://localhost:${otlp}`, caFile, clock);
    await expect(backend?.unary(exportTraces, Buffer.alloc(0), { deadlineMs: 10_000 })).resolves.toBeDefined();
    backend?.close();
  }, 60_000);
});
