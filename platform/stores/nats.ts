import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyPair } from "../cluster/certificates.ts";
import { freePorts } from "../process/ports.ts";
import { startRestartable, type Restartable } from "../process/restartable.ts";
import type { ServiceSpec } from "../process/service.ts";
import { ensureTool } from "../tools/ensure-tool.ts";

/** What decides how NATS is started. */
export type NatsOptions = {
  readonly dir: string;
  /** Flush to disk before every acknowledgement, as production does; true unless told otherwise. */
  readonly syncAlways?: boolean;
  /** Ask clients for TLS, by these files; its url names localhost then, by which the client verifies. */
  readonly tls?: KeyPair;
  /** A block of NATS configuration put in as it is, such as `authorization { … }` or `accounts { … }`. */
  readonly configuration?: string;
  /** Variables that the configuration names. */
  readonly env?: Readonly<Record<string, string>>;
};

/** A running NATS server with JetStream on. */
export type NatsServer = Restartable & {
  readonly url: string;
  /** Address of the monitoring endpoint. */
  readonly monitorUrl: string;
};

/** The server's configuration file. */
const renderNatsConfig = (options: NatsOptions, ports: { readonly client: number; readonly monitor: number }): string =>
  [
    `listen: "127.0.0.1:${ports.client}"`,
    `http: "127.0.0.1:${ports.monitor}"`,
    // As the chart has it, and NATS by itself.
    "max_payload: 1MB",
    "jetstream {",
    `  store_dir: ${JSON.stringify(join(options.dir, "jetstream"))}`,
    // The default flushes every two minutes and loses acknowledged messages (Jepsen, 2.12.1).
    ...((options.syncAlways ?? true) ? ["  sync_interval: always"] : []),
    "}",
    ...(options.tls
      ? [`tls ${JSON.stringify({ cert_file: options.tls.certFile, key_file: options.tls.keyFile })}`]
      : []),
    options.configuration ?? "",
    "",
  ].join("\n");

/** NATS with JetStream on loopback. */
const natsService = (
  binary: string,
  configFile: string,
  monitorPort: number,
  env: NatsOptions["env"] = {},
): ServiceSpec => ({
  name: "nats",
  env,
  command: [binary, "--config", configFile],
  ready: { kind: "http", url: `http://127.0.0.1:${monitorPort}/healthz` },
});

/** Starts NATS with JetStream on free loopback ports and answers when it is ready. */
export const startNats = async (options: NatsOptions): Promise<NatsServer> => {
  await mkdir(options.dir, { recursive: true });
  const [client = 0, monitor = 0] = await freePorts(2);
  const configFile = join(options.dir, "nats.conf");
  await writeFile(configFile, renderNatsConfig(options, { client, monitor }));
  const spec = natsService(await ensureTool("nats-server"), configFile, monitor, options.env);
  const server = await startRestartable(spec, join(options.dir, "logs"));
  return Object.defineProperties(server, {
    url: { value: options.tls ? `tls://localhost:${client}` : `nats://127.0.0.1:${client}`, enumerable: true },
    monitorUrl: { value: `http://127.0.0.1:${monitor}`, enumerable: true },
  }) as NatsServer;
};
