import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../process/ports.ts";
import { startRestartable, type Restartable } from "../../process/restartable.ts";
import type { ServiceSpec } from "../../process/service.ts";
import type { Users } from "./authenticate.ts";

/** What decides how a ClickHouse server is started. */
export type ClickHouseOptions = {
  readonly dir: string;
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
    CLICKHOUSE_USERS: JSON.stringify(options.users ?? {}),
    ...(options.maxMemoryBytes === undefined ? {} : { CLICKHOUSE_MAX_MEMORY_BYTES: String(options.maxMemoryBytes) }),
  },
  ready: { kind: "http", url: `http://127.0.0.1:${port}/ping` },
  stopGraceMs: 30_000,
});

/** Starts a ClickHouse server on a free loopback port and answers when it is ready. */
export const startClickHouse = async (options: ClickHouseOptions): Promise<ClickHouseServer> => {
  await mkdir(options.dir, { recursive: true });
  const [port, username, password] = [await freePort(), "enchanted", randomUUID()];
  const spec = clickHouseService(options, port, username, password);
  const server = await startRestartable(spec, join(options.dir, "logs"));
  return Object.defineProperties(server, {
    url: { value: `http://127.0.0.1:${port}`, enumerable: true },
    username: { value: username, enumerable: true },
    password: { value: password, enumerable: true },
  }) as ClickHouseServer;
};
