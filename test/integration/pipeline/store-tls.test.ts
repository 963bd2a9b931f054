import { writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createBus, type Bus } from "#nervous-system/comms/nats/bus.ts";
import { exportTraces } from "#nervous-system/comms/grpc/methods.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog, type Log } from "#nervous-system/kernel/log.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createSqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { createGraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import { createObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createExporter } from "#nervous-system/telemetry/exporters.ts";
import { openBackend } from "#pipeline/collector/backend.ts";
import type { KeyPair } from "#platform/cluster/certificates.ts";
import { freePort } from "#platform/process/ports.ts";
import { startService } from "#platform/process/service.ts";
import { waitFor } from "#platform/process/wait.ts";
import { startClickHouse } from "#platform/stores/clickhouse/start.ts";
import { startJaeger } from "#platform/stores/jaeger.ts";
import { startNats } from "#platform/stores/nats.ts";
import { startNeo4j } from "#platform/stores/neo4j.ts";
import { startS3 } from "#platform/stores/s3.ts";
import { serverIdentity } from "#test/integration/gateway/https-upstream.ts";
import { createCleanup, startTestNats, temporaryDirectory } from "./bus-harness.ts";

type Authority = { readonly caFile: string; readonly caPem: string };
type Identity = KeyPair & Authority;

const cleanup = createCleanup();
const clock = systemClock();
/** Certificates for where the servers are, and for another place, each of a CA of its own. */
let here: Identity;
let elsewhere: Identity;

beforeAll(async () => {
  const dir = await temporaryDirectory(cleanup);
  here = await serverIdentity(dir, "here", ["DNS:localhost", "IP:127.0.0.1"]);
  elsewhere = await serverIdentity(dir, "elsewhere", ["DNS:elsewhere"]);
});
afterAll(() => cleanup.run(), 60_000);

const kept = async <T extends { stop(): Promise<void> }>(server: Promise<T>): Promise<T> => {
  const started = await server;
  cleanup.add(() => started.stop());
  return started;
};

/** Connects, and answers why it has to wait, or "connected". */
const meetNats = async (servers: string, caPem: string | undefined): Promise<string> => {
  const waiting = Promise.withResolvers<string>();
  const giveUp = new AbortController();
  const log: Log = { ...silentLog, warn: ({ reason }) => waiting.resolve(String(reason)) };
  const account = { user: "test", password: "secret", name: "test" };
  const signal = giveUp.signal;
  const bus = createBus({ servers, caPem, ...account, log, signal, clock, random: Math.random, ids: randomIds() });
  const met = await Promise.race([waiting.promise, bus.then(() => "connected")]);
  giveUp.abort(new Error("given up"));
  await bus.then((one: Bus) => one.close()).catch(() => undefined);
  return met;
};

/** One way from a component to a store by the component's own client; rejects where the store is not whom it should be. */
type Store = {
  readonly name: string;
  /** Starts it with a certificate and answers how to use it by a CA. */
  start(tls: KeyPair): Promise<(authority: Authority | undefined) => Promise<unknown>>;
};

const stores: readonly Store[] = [
  {
    name: "NATS",
    start: async (tls) => {
      const configuration = 'authorization { user: "test", password: "secret" }';
      const nats = await kept(startNats({ dir: await temporaryDirectory(cleanup), tls, configuration }));
      return async (authority) => {
        const met = await meetNats(nats.url, authority?.caPem);
        if (met !== "connected") throw new Error(met);
      };
    },
  },
  {
    name: "ClickHouse",
    start: async (tls) => {
      const server = await kept(startClickHouse({ dir: await temporaryDirectory(cleanup), tls }));
      return async (authority) => {
        const client = createSqlClient({ ...server, caPem: authority?.caPem });
        cleanup.add(() => client.close());
        await client.command("SELECT 1");
      };
    },
  },
  {
    name: "S3",
    start: async (tls) => {
      const s3 = await kept(startS3({ dir: await temporaryDirectory(cleanup), tls }));
      return async (authority) => {
        const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = s3;
        const bucket = { bucket: "kept", endpoint, region, accessKeyId, secretAccessKey };
        const client = createObjectClient({ ...bucket, caPem: authority?.caPem });
        await client.ensureBucket().finally(() => client.close());
      };
    },
  },
  {
    name: "Neo4j",
    start: async (tls) => {
      const { boltUrl, ...account } = await kept(startNeo4j({ dir: await temporaryDirectory(cleanup), tls }));
      return async (authority) => {
        const client = createGraphClient({ url: boltUrl, ...account, caFile: authority?.caFile });
        cleanup.add(() => client.close());
        await client.run("RETURN 1");
      };
    },
  },
  {
    name: "the trace backend",
    start: async (tls) => {
      const jaeger = await kept(startJaeger({ dir: await temporaryDirectory(cleanup), tls }));
      return async (authority) => {
        const backend = await openBackend(jaeger.otlpEndpoint, authority?.caFile, clock);
        const sent = backend?.unary(exportTraces, Buffer.alloc(0), { deadlineMs: 10_000 });
        await sent?.finally(() => backend?.close());
      };
    },
  },
];

describe.each(stores)("$name by TLS", ({ start }) => {
  it("is used by who knows its CA, and by nobody who knows another, or the public ones only", async () => {
    const use = await start(here);
    await use(here);
    await expect(use(elsewhere)).rejects.toThrow(/certificate/i);
    await expect(use(undefined)).rejects.toThrow(/certificate/i);
  }, 300_000);

  it("is not used where its certificate is for another name", async () => {
    const use = await start(elsewhere);
    await expect(use(elsewhere)).rejects.toThrow(/altname/i);
  }, 300_000);
});

describe("spans of the operator", () => {
  const send = async (otlpEndpoint: string, authority: Authority): Promise<number | undefined> => {
    const exporter = createExporter({ otlpEndpoint, otlpCaPem: authority.caPem });
    const { promise, resolve } = Promise.withResolvers<number>();
    exporter?.export([], ({ code }) => resolve(code));
    const code = await promise;
    await exporter?.shutdown();
    return code;
  };

  it("go to the trace backend whose CA it knows, and to no other", async () => {
    const jaeger = await kept(startJaeger({ dir: await temporaryDirectory(cleanup), tls: here }));
    expect(await send(jaeger.otlpEndpoint, here)).toBe(0);
    expect(await send(jaeger.otlpEndpoint, elsewhere)).toBe(1);
  }, 120_000);
});

describe("the siphon's process", () => {
  const environment = async (): Promise<Record<string, string>> => {
    const nats = await kept(startNats({ dir: await temporaryDirectory(cleanup), tls: here }));
    const clickhouse = await kept(startClickHouse({ dir: await temporaryDirectory(cleanup), tls: here }));
    const s3 = await kept(startS3({ dir: await temporaryDirectory(cleanup), tls: here }));
    return {
      NATS_URL: nats.url,
      NATS_CA_FILE: here.caFile,
      S3_ENDPOINT: s3.endpoint,
      S3_CA_FILE: here.caFile,
      S3_BUCKET: "enchanted",
      S3_ACCESS_KEY_ID: s3.accessKey,
      S3_SECRET_ACCESS_KEY: s3.secretKey,
      CLICKHOUSE_URL: clickhouse.url,
      CLICKHOUSE_CA_FILE: here.caFile,
      CLICKHOUSE_USER: clickhouse.username,
      CLICKHOUSE_PASSWORD: clickhouse.password,
      ENCHANTED_HEALTH_PORT: String(await freePort()),
    };
  };
  const withGraph = async (): Promise<Record<string, string>> => {
    const neo4j = await kept(startNeo4j({ dir: await temporaryDirectory(cleanup), tls: here }));
    const { boltUrl: NEO4J_URL, username: NEO4J_USER, password: NEO4J_PASSWORD } = neo4j;
    return { NEO4J_URL, NEO4J_USER, NEO4J_PASSWORD, NEO4J_CA_FILE: here.caFile };
  };
  const start = async (env: Record<string, string>): Promise<string> => {
    const url = `http://127.0.0.1:${env["ENCHANTED_HEALTH_PORT"]}/readyz`;
    const command = [process.execPath, "--disable-warning=ExperimentalWarning", "pipeline/main.ts", "siphon"];
    const ready = { kind: "http", url, anyStatus: true } as const;
    await kept(startService({ name: "siphon", command, env, ready }, await temporaryDirectory(cleanup)));
    return url;
  };

  it("is ready where it was told the CAs of its stores", async () => {
    const url = await start({ ...(await environment()), ...(await withGraph()) });
    await waitFor("readiness", async () => (await fetch(url)).ok, { timeoutMs: 60_000 });
  }, 300_000);

  it("says that a certificate is wrong where it was told another", async () => {
    const url = await start({ ...(await environment()), CLICKHOUSE_CA_FILE: elsewhere.caFile });
    const said = async (): Promise<boolean> => /ledger: .*certificate/i.test(await (await fetch(url)).text());
    await waitFor("its word", said, { timeoutMs: 30_000 });
    const other = await start({ ...(await environment()), S3_CA_FILE: elsewhere.caFile });
    const saidOfS3 = async (): Promise<boolean> => /archive: .*certificate/i.test(await (await fetch(other)).text());
    await waitFor("its word about S3", saidOfS3, { timeoutMs: 30_000 });
  }, 120_000);
});

describe("the reader's process", () => {
  const start = async (caFile: string): Promise<string> => {
    const clickhouse = await kept(startClickHouse({ dir: await temporaryDirectory(cleanup), tls: here }));
    const kubeconfig = join(await temporaryDirectory(cleanup), "kubeconfig");
    const cluster = { name: "c", cluster: { server: "https://127.0.0.1:1" } };
    const context = { name: "c", context: { cluster: "c", user: "u" } };
    const users = [{ name: "u", user: { token: "t" } }];
    const config = { clusters: [cluster], contexts: [context], users, "current-context": "c" };
    await writeFile(kubeconfig, JSON.stringify(config));
    const port = await freePort();
    const env = {
      ENCHANTED_RELEASE_NAMESPACE: "enchanted-system",
      KUBECONFIG: kubeconfig,
      CLICKHOUSE_URL: clickhouse.url,
      CLICKHOUSE_CA_FILE: caFile,
      CLICKHOUSE_USER: clickhouse.username,
      CLICKHOUSE_PASSWORD: clickhouse.password,
      ENCHANTED_LISTEN: "127.0.0.1:0",
      ENCHANTED_TLS_CERT_FILE: here.certFile,
      ENCHANTED_TLS_KEY_FILE: here.keyFile,
      ENCHANTED_HEALTH_PORT: String(port),
    };
    const url = `http://127.0.0.1:${port}/readyz`;
    const command = [process.execPath, "--disable-warning=ExperimentalWarning", "pipeline/main.ts", "reader"];
    const ready = { kind: "http", url, anyStatus: true } as const;
    await kept(startService({ name: "reader", command, env, ready }, await temporaryDirectory(cleanup)));
    return url;
  };

  it("is ready where it was told the CA of the ledger", async () => {
    const url = await start(here.caFile);
    await waitFor("readiness", async () => (await fetch(url)).ok, { timeoutMs: 30_000 });
  }, 120_000);

  it("says that the ledger's certificate is wrong where it was told another", async () => {
    const url = await start(elsewhere.caFile);
    const said = async (): Promise<boolean> => /ledger: .*certificate/i.test(await (await fetch(url)).text());
    await waitFor("its word", said, { timeoutMs: 30_000 });
  }, 120_000);
});

describe("a password", () => {
  it("is not said to a NATS that offers no TLS, where the URL asks for it or a CA is named", async () => {
    const { url } = await startTestNats(cleanup);
    expect(await meetNats(url.replace("nats://", "tls://"), undefined)).toMatch(/does not support 'tls'/);
    expect(await meetNats(url, here.caPem)).toMatch(/does not support 'tls'/);
    expect(await meetNats(url, undefined)).toBe("connected");
  }, 60_000);

  it("is of no use in plain text, where a store has a certificate", async () => {
    const [nats, clickhouse, s3] = await Promise.all([
      kept(startNats({ dir: await temporaryDirectory(cleanup), tls: here })),
      kept(startClickHouse({ dir: await temporaryDirectory(cleanup), tls: here })),
      kept(startS3({ dir: await temporaryDirectory(cleanup), tls: here })),
    ]);
    const words = { nats: "CONNECT {}\r\nPING\r\n", http: "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n" };
    expect(await saySomething(nats.url, words.nats)).not.toContain("PONG");
    expect(await saySomething(clickhouse.url, words.http)).not.toContain(" 200 ");
    expect(await saySomething(s3.endpoint, words.http)).not.toMatch(/HTTP\/1.1 [23]|AccessDenied/);
  }, 60_000);
});

/** What a server answers to plain words before it hangs up. */
const saySomething = (url: string, words: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connectSocket(Number(new URL(url).port), "127.0.0.1", () => socket.write(words));
    let heard = "";
    socket.on("data", (bytes: Buffer) => (heard += bytes.toString("latin1")));
    socket.on("error", () => resolve(heard));
    socket.on("close", () => resolve(heard));
  });
