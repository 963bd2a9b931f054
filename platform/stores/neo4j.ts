import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { KeyPair } from "../cluster/certificates.ts";
import { withLock } from "../process/lock.ts";
import { freePort } from "../process/ports.ts";
import { startRestartable, type Restartable } from "../process/restartable.ts";
import { startService, type ServiceSpec } from "../process/service.ts";
import { ensureNeo4j, neo4jCommand } from "../tools/neo4j.ts";

/** A running Neo4j with its one account. */
export type Neo4jServer = Restartable & {
  /** `bolt://localhost:port`, or `bolt+s://` where it has a certificate. */
  readonly boltUrl: string;
  readonly username: string;
  readonly password: string;
};

/** What decides how it is started. */
export type Neo4jOptions = {
  readonly dir: string;
  /** Ask clients for TLS, by these files, which stand in one directory; plain text without them. */
  readonly tls?: KeyPair;
  /** Further lines of its configuration. */
  readonly configuration?: readonly string[];
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
const renderConfiguration = (port: number, { tls, configuration = [] }: Omit<Neo4jOptions, "dir">): string =>
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
    ...configuration,
    "",
  ].join("\n");

/** Tests start it often and use it little: one compiler, one collector. */
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

type Prepared = { readonly spec: ServiceSpec; readonly port: number };

/** Writes what a server in `home` reads, and answers how to start it. */
const prepare = async (
  { dir: home, ...options }: Neo4jOptions,
  lib: string,
  flags: readonly string[],
): Promise<Prepared> => {
  await mkdir(home, { recursive: true });
  const port = await freePort();
  const configuration = join(home, "neo4j.conf");
  await writeFile(configuration, renderConfiguration(port, options));
  const command = neo4jCommand({ lib, options: [...QUICK_START, ...flags], home, configuration });
  return { spec: neo4jService(command, port), port };
};

/** Has a server start and end, by which Java writes down the classes that a start loads. */
const makeArchive = async (lib: string, archive: string): Promise<void> => {
  if (existsSync(archive)) return;
  const dir = await mkdtemp(join(dirname(lib), ".archive-"));
  try {
    const written = join(dir, "classes.jsa");
    const { spec } = await prepare({ dir: join(dir, "home") }, lib, [`-XX:ArchiveClassesAtExit=${written}`]);
    // It writes the archive when it ends, for about ten seconds of the processor.
    const server = await startService({ ...spec, stopGraceMs: 300_000 }, dir);
    await server.stop();
    await rename(written, archive);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

/** The jars, and the archive of their classes beside them: with it a start takes 7 s of the processor, without it 14. */
const ensureQuickStart = async (): Promise<{ readonly lib: string; readonly flags: readonly string[] }> => {
  const lib = await ensureNeo4j();
  const archive = `${lib}.jsa`;
  if (!existsSync(archive)) await withLock(archive, () => makeArchive(lib, archive));
  return { lib, flags: [`-XX:SharedArchiveFile=${archive}`] };
};

/** Starts Neo4j on a free loopback port and answers when it is ready. */
export const startNeo4j = async (options: Neo4jOptions): Promise<Neo4jServer> => {
  const { lib, flags } = await ensureQuickStart();
  const { spec, port } = await prepare({ ...options, dir: join(options.dir, "neo4j") }, lib, flags);
  const server = await startRestartable(spec, join(options.dir, "logs"));
  return Object.defineProperties(server, {
    boltUrl: { value: `${options.tls ? "bolt+s" : "bolt"}://localhost:${port}`, enumerable: true },
    username: { value: account.username, enumerable: true },
    password: { value: account.password, enumerable: true },
  }) as Neo4jServer;
};
