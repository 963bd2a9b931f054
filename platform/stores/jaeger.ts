import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { KeyPair } from "../cluster/certificates.ts";
import { freePorts } from "../process/ports.ts";
import { startRestartable, type Restartable } from "../process/restartable.ts";
import type { ServiceSpec } from "../process/service.ts";
import { ensureTool } from "../tools/ensure-tool.ts";

/** A running Jaeger that keeps traces in memory. */
export type JaegerServer = Restartable & {
  /** OTLP gRPC endpoint, `http://host:port`, or `https://` where it has a certificate. */
  readonly otlpEndpoint: string;
  /** Base of the query API: `<queryUrl>/api/traces/<id>`. */
  readonly queryUrl: string;
};

type Ports = { readonly otlp: number; readonly query: number; readonly queryGrpc: number; readonly health: number };

/** What decides how it is started. */
export type JaegerOptions = {
  readonly dir: string;
  /** Take OTLP by TLS, by these files; in plain text without them. */
  readonly tls?: KeyPair;
};

/** Jaeger's configuration: OTLP in, memory, query API; everything on loopback. */
const renderJaegerConfig = (ports: Ports, tls: KeyPair | undefined): string => {
  const endpoint = (port: number) => ({ endpoint: `127.0.0.1:${port}` });
  return stringify({
    service: {
      extensions: ["jaeger_storage", "jaeger_query", "healthcheckv2"],
      pipelines: { traces: { receivers: ["otlp"], exporters: ["jaeger_storage_exporter"] } },
      telemetry: { logs: { level: "warn" }, metrics: { level: "none" } },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: endpoint(ports.health) },
      jaeger_query: {
        storage: { traces: "memory" },
        http: endpoint(ports.query),
        grpc: endpoint(ports.queryGrpc),
      },
      jaeger_storage: { backends: { memory: { memory: { max_traces: 20_000 } } } },
    },
    receivers: {
      otlp: {
        protocols: {
          grpc: { ...endpoint(ports.otlp), ...(tls && { tls: { cert_file: tls.certFile, key_file: tls.keyFile } }) },
        },
      },
    },
    exporters: { jaeger_storage_exporter: { trace_storage: "memory" } },
  });
};

/** Jaeger as a service. */
const jaegerService = (binary: string, configFile: string, healthPort: number): ServiceSpec => ({
  name: "jaeger",
  command: [binary, "--config", configFile],
  ready: { kind: "http", url: `http://127.0.0.1:${healthPort}/status` },
});

/** Starts Jaeger on free loopback ports and answers when it is ready; a restart forgets its traces. */
export const startJaeger = async (options: JaegerOptions): Promise<JaegerServer> => {
  await mkdir(options.dir, { recursive: true });
  const [otlp = 0, query = 0, queryGrpc = 0, health = 0] = await freePorts(4);
  const configFile = join(options.dir, "jaeger.yaml");
  await writeFile(configFile, renderJaegerConfig({ otlp, query, queryGrpc, health }, options.tls));
  const spec = jaegerService(await ensureTool("jaeger"), configFile, health);
  const server = await startRestartable(spec, join(options.dir, "logs"));
  return Object.defineProperties(server, {
    otlpEndpoint: { value: `${options.tls ? "https" : "http"}://127.0.0.1:${otlp}`, enumerable: true },
    queryUrl: { value: `http://127.0.0.1:${query}`, enumerable: true },
  }) as JaegerServer;
};
