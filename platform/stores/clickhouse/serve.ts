import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Users } from "./authenticate.ts";
import { renderEngineConfig, type EngineLimits } from "./engine-config.ts";
import { createEngine } from "./engine-client.ts";
import type { EngineChild } from "./engine-supervisor.ts";
import { createFifoPool } from "./fifo-pool.ts";
import { createHttpSessions } from "./http-sessions.ts";
import { createHttpServer, type TlsIdentity } from "./server.ts";
import { createSlots } from "./slots.ts";
import { identifier } from "./sql-literal.ts";

/** How to serve. */
export type ServeOptions = {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly users: Users;
  /** Serve HTTPS by it, and HTTP no more. */
  readonly tls?: TlsIdentity | undefined;
  readonly limits: EngineLimits;
  readonly database?: string | undefined;
  readonly concurrentStatements: number;
  readonly spawn: () => EngineChild;
  readonly clock: Clock;
  readonly log: Log;
};

/** A running server. */
export type Serving = { readonly url: string; readonly stop: () => Promise<void> };

// Half of what a pod has between SIGTERM and SIGKILL; the engine has the rest.
const STOP_GRACE_MS = 12_000;

/** Where the engine keeps its data and finds its configuration, below the server's directory. */
export const engineFiles = (dir: string): { readonly dataDir: string; readonly configFile: string } => ({
  dataDir: join(dir, "data"),
  configFile: join(dir, "engine.xml"),
});

const listen = async (server: Server | TlsServer, { host, port, tls }: ServeOptions): Promise<string> => {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  const { address, port: bound } = server.address() as AddressInfo;
  const scheme = tls === undefined ? "http" : "https";
  return `${scheme}://${address.includes(":") ? `[${address}]` : address}:${bound}`;
};

const closeServer = async (server: Server | TlsServer, clock: Clock): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cancel = clock.after(STOP_GRACE_MS, () => server.closeAllConnections());
  await closed.finally(cancel);
};

/** Starts the engine and the HTTP server before it; answers when both are ready. */
export const serve = async (options: ServeOptions): Promise<Serving> => {
  const { dir, clock, log } = options;
  // What a killed server left half spooled was never acknowledged.
  const spoolDir = join(dir, "spool");
  await rm(spoolDir, { recursive: true, force: true });
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  await writeFile(engineFiles(dir).configFile, renderEngineConfig(options.limits));
  const engine = createEngine({ spawn: options.spawn, clock, log });
  let lastId = 0;
  const nextId = (): number => (lastId += 1);
  const sql = `CREATE DATABASE IF NOT EXISTS ${identifier(options.database ?? "default")}`;
  await engine.run({ id: nextId(), settings: {}, params: {}, sql });
  const server = createHttpServer({
    engine,
    fifos: createFifoPool(spoolDir),
    sessions: createHttpSessions(clock, engine.endSession),
    slots: createSlots(options.concurrentStatements),
    spoolDir,
    clock,
    running: new Map(),
    nextId,
    users: options.users,
    tls: options.tls,
    log,
    makeId: randomUUID,
  });
  const url = await listen(server, options);
  await writeFile(join(dir, "listen.json"), `${JSON.stringify({ url })}\n`);
  log.info({ url }, "serving the ClickHouse HTTP interface");
  const stop = async (): Promise<void> => {
    await closeServer(server, clock);
    await engine.stop();
  };
  return { url, stop };
};
