import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KeyPair } from "../../cluster/certificates.ts";
import { freePort } from "../../process/ports.ts";
import { startRestartable, type Restartable } from "../../process/restartable.ts";
import type { ServiceSpec } from "../../process/service.ts";
import type { Users } from "./authenticate.ts";

/** What decides how a ClickHouse server is started. */
export type ClickHouseOptions = {
  readonly dir: string;
  /** Serve HTTPS by these files; HTTP without them. */
  readonly tls?: KeyPair;
  /** Users beside the one that is made up. */
  readonly users?: Users;
  /** Memory of all queries together, in bytes; 1 GiB unless told otherwise. */
  readonly maxMemoryBytes?: number;
};

/** A running server of the ClickHouse HTTP interface and the credentials of a user who may do everything. */
export type ClickHouseServer = Restartable & {
  readonly url: string;
  readonly username: string;
  readonly password: string;
};

const HOST = "127.0.0.1";
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/** The server on loopback as a service. */
const clickHouseService = (
  options: ClickHouseOptions,
  port: number,
  username: string,
  password: string,
): ServiceSpec => ({
  name: "clickhouse",
  command: [process.execPath, "--disable-warning=ExperimentalWarning", MAIN],
  env: {
    CLICKHOUSE_DATA_DIR: options.dir,
    CLICKHOUSE_LISTEN_PORT: String(port),
    CLICKHOUSE_USER: username,
    CLICKHOUSE_PASSWORD: password,
    ...(options.tls && {
      CLICKHOUSE_TLS_CERT_FILE: options.tls.certFile,
      CLICKHOUSE_TLS_KEY_FILE: options.tls.keyFile,
    }),
    CLICKHOUSE_USERS: JSON.stringify(options.users ?? {}),
    ...(options.maxMemoryBytes === undefined ? {} : { CLICKHOUSE_MAX_MEMORY_BYTES: String(options.maxMemoryBytes) }),
  },
  // It listens once its engine is ready; whose name its certificate says is for the test to look at.
  ready: options.tls ? { kind: "tcp", host: HOST, port } : { kind: "http", url: `http://${HOST}:${port}/ping` },
  stopGraceMs: 30_000,
});

/** Starts a ClickHouse server on a free loopback port and answers when it is ready. */
export const startClickHouse = async (options: ClickHouseOptions): Promise<ClickHouseServer> => {
  await mkdir(options.dir, { recursive: true });
  const [port, username, password] = [await freePort(), "enchanted", randomUUID()];
  const spec = clickHouseService(options, port, username, password);
  const server = await startRestartable(spec, join(options.dir, "logs"));
  return Object.defineProperties(server, {
    url: { value: `${options.tls ? "https" : "http"}://${HOST}:${port}`, enumerable: true },
    username: { value: username, enumerable: true },
    password: { value: password, enumerable: true },
  }) as ClickHouseServer;
};
