import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { KeyPair } from "../cluster/certificates.ts";
import { freePort } from "../process/ports.ts";
import { startRestartable, type Restartable } from "../process/restartable.ts";
import type { ServiceSpec } from "../process/service.ts";
import { ensureNeo4j, neo4jCommand } from "../tools/neo4j.ts";

/** A running Neo4j with its one account. */
export type Neo4jServer = Restartable & {
  /** `bolt://127.0.0.1:port`, or `bolt+s://` where it has a certificate. */
  readonly boltUrl: string;
  readonly username: string;
  readonly password: string;
};

/** What decides how it is started. */
export type Neo4jOptions = {
  readonly dir: string;
  /** Ask clients for TLS, by these files, which stand in one directory; plain text without them. */
  readonly tls?: KeyPair;
};

const account = { username: "neo4j", password: "enchanted-test-secret" };

const tlsLines = ({ certFile, keyFile }: KeyPair): string[] => [
  "server.bolt.tls_level=REQUIRED",
  "dbms.ssl.policy.bolt.enabled=true",
  `dbms.ssl.policy.bolt.base_directory=${dirname(certFile)}`,
  `dbms.ssl.policy.bolt.public_certificate=${certFile}`,
  `dbms.ssl.policy.bolt.private_key=${keyFile}`,
  "dbms.ssl.policy.bolt.client_auth=NONE",
];

/** Bolt on loopback and nothing else; it tells nobody outside that it runs. */
const renderConfiguration = (port: number, tls: KeyPair | undefined): string =>
  [
    "dbms.security.auth_enabled=true",
    "dbms.usage_report.enabled=false",
    "db.logs.query.enabled=OFF",
    "server.memory.pagecache.size=64m",
    "server.bolt.enabled=true",
    `server.bolt.listen_address=127.0.0.1:${port}`,
    "server.http.enabled=false",
    "server.https.enabled=false",
    ...(tls === undefined ? [] : tlsLines(tls)),
    "",
  ].join("\n");

/** One compiler and one collector: a start takes half the time of the processor, and tests are about starts. */
const QUICK_START = ["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

const neo4jService = (command: readonly string[], port: number): ServiceSpec => ({
  name: "neo4j",
  command,
  env: { NEO4J_AUTH: `${account.username}/${account.password}` },
  ready: { kind: "tcp", host: "127.0.0.1", port },
  // Half a minute on two busy processors.
  readyTimeoutMs: 180_000,
  stopGraceMs: 30_000,
});

/** Starts Neo4j on a free loopback port and answers when it is ready. */
export const startNeo4j = async (options: Neo4jOptions): Promise<Neo4jServer> => {
  const home = join(options.dir, "neo4j");
  await mkdir(home, { recursive: true });
  const port = await freePort();
  const configuration = join(home, "neo4j.conf");
  await writeFile(configuration, renderConfiguration(port, options.tls));
  const command = neo4jCommand({ lib: await ensureNeo4j(), options: QUICK_START, home, configuration });
  const server = await startRestartable(neo4jService(command, port), join(options.dir, "logs"));
  return Object.defineProperties(server, {
    boltUrl: { value: `${options.tls ? "bolt+s" : "bolt"}://127.0.0.1:${port}`, enumerable: true },
    username: { value: account.username, enumerable: true },
    password: { value: account.password, enumerable: true },
  }) as Neo4jServer;
};
