import { fileURLToPath } from "node:url";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import type { Log, LogLine } from "#nervous-system/kernel/log.ts";
import { configSchema, tlsOf, usersOf } from "./config.ts";
import { startEngineProcess } from "./engine-process.ts";
import type { EngineRequest } from "./engine-protocol.ts";
import { engineFiles, serve } from "./serve.ts";
import { CONCURRENT_STATEMENTS, spawnEngine } from "./spawn-engine.ts";

const clock = systemClock();

const line =
  (level: string): LogLine =>
  (fields, message) =>
    void process.stderr.write(
      `${JSON.stringify({ level, time: new Date(clock.now()).toISOString(), message, ...fields })}\n`,
    );

const log: Log = { debug: () => {}, info: line("info"), warn: line("warn"), error: line("error") };

const parsed = parseConfig(configSchema, process.env);
if (parsed.kind === "invalid") {
  process.stderr.write(`${parsed.message}\n`);
  process.exit(2);
}
const config = parsed.value;
const dir = config.CLICKHOUSE_DATA_DIR;

const runEngine = async (): Promise<void> => {
  // Without its server the engine holds the data for nobody, and an exit would wait for the statements that run.
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  // The server decides when the engine stops: a signal to the whole process group must not end running statements.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  const handle = await startEngineProcess({
    ...engineFiles(dir),
    send: (reply) => void process.send?.(reply),
    exit: (code) => process.exit(code),
    after: (ms, run) => void clock.after(ms, run),
  });
  process.on("message", (request) => handle(request as EngineRequest));
};

const runServer = async (): Promise<void> => {
  const serving = await serve({
    dir,
    host: config.CLICKHOUSE_LISTEN_HOST,
    port: config.CLICKHOUSE_LISTEN_PORT,
    users: usersOf(config),
    tls: await tlsOf(config),
    database: config.CLICKHOUSE_DB,
    limits: { maxMemoryBytes: config.CLICKHOUSE_MAX_MEMORY_BYTES, markCacheBytes: 64 * 1024 * 1024 },
    concurrentStatements: CONCURRENT_STATEMENTS,
    spawn: () => spawnEngine(fileURLToPath(import.meta.url), process.env),
    clock,
    log,
  });
  const stop = (): void => void serving.stop().then(() => process.exit(0));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
};

const start = process.argv[2] === "engine" ? runEngine : runServer;
start().catch((error: unknown) => {
  log.error({ err: String((error as { stack?: unknown })?.stack ?? error) }, "cannot start");
  process.exit(1);
});
