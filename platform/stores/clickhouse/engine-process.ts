import { appendFile, mkdir } from "node:fs/promises";
import type { Session } from "chdb";
import { execute, preparation, restoration, rowsOf } from "./engine-connection.ts";
import { loadEngineLibrary, type EngineLibrary } from "./engine-library.ts";
import type { EngineReply, EngineRequest, RunRequest } from "./engine-protocol.ts";

/** What the engine process needs from its surroundings. */
export type EngineHost = {
  readonly dataDir: string;
  /** ClickHouse configuration file with the server-wide limits. */
  readonly configFile: string;
  readonly send: (reply: EngineReply) => void;
  readonly exit: (code: number) => void;
  readonly after: (ms: number, run: () => void) => void;
};

type Connections = Pick<EngineLibrary, "release" | "idle"> & {
  readonly open: () => Session;
  /** Holds the engine while no request runs; carries KILL and looks at processes. */
  readonly control: Session;
  readonly sessions: Map<string, Session>;
  readonly running: Set<number>;
};

const CONNECTION_ARGS = [
  // The default of 256 KiB is for text alone; here parameters pass as text too.
  `--max_query_size=${64 * 1024 * 1024}`,
  // The default, mmap, keeps a whole spooled body resident while it is read.
  "--storage_file_read_method=pread",
];

// A KILL that comes before the engine has listed the query hits nothing, so it is repeated until the query ends.
const KILL_AGAIN_MS = 100;

// At the end of the statement, so that positions in messages stay those of the client's text.
const marker = (id: number): string => `/* request:${id} */`;

const runOn = async (connection: Session, request: RunRequest): Promise<EngineReply> => {
  const { id, sql, output } = request;
  for (const step of preparation(request)) await execute(connection, step);
  const result = await connection.queryAsync(`${sql}\n${marker(id)}`, { format: output?.format ?? "Null" });
  const answer = result.bytes();
  if (output && answer.length > 0) await appendFile(output.path, answer);
  const { rowsRead: rows, bytesRead: bytes, elapsed } = result;
  return { type: "done", id, rows, bytes, elapsedNs: Math.round(elapsed * 1e9) };
};

// A fresh connection costs under a millisecond and lets nothing of one request reach another.
const runAlone = async ({ open, release }: Connections, request: RunRequest): Promise<EngineReply> => {
  const connection = open();
  try {
    return await runOn(connection, request);
  } finally {
    release(connection);
  }
};

const runInSession = async (
  { open, sessions }: Connections,
  key: string,
  request: RunRequest,
): Promise<EngineReply> => {
  const connection = sessions.get(key) ?? open();
  sessions.set(key, connection);
  const restore = await restoration(connection, request.settings);
  try {
    return await runOn(connection, request);
  } finally {
    for (const step of restore) await execute(connection, step);
  }
};

const run = async (connections: Connections, request: RunRequest): Promise<EngineReply> => {
  const { id, sessionKey } = request;
  connections.running.add(id);
  try {
    return await (sessionKey === undefined
      ? runAlone(connections, request)
      : runInSession(connections, sessionKey, request));
  } catch (error) {
    return { type: "failed", id, message: String((error as { message?: unknown })?.message ?? error) };
  } finally {
    connections.running.delete(id);
  }
};

const kill = async (host: EngineHost, connections: Connections, id: number): Promise<void> => {
  if (!connections.running.has(id)) return;
  // Put together by the engine, so that this statement itself does not end with the marker.
  const ending = `concat('/* request:', '${id} */')`;
  await execute(connections.control, `KILL QUERY WHERE endsWith(query, ${ending}) ASYNC`).catch(() => undefined);
  host.after(KILL_AGAIN_MS, () => void kill(host, connections, id));
};

const processes = async ({ control }: Connections, id: number): Promise<EngineReply> => {
  const found = await rowsOf<{ query_id: string; request: string }>(
    control,
    "SELECT query_id, extract(query, '/\\\\* request:(\\\\d+) \\\\*/$') AS request FROM system.processes",
  );
  return { type: "processes", id, queryIds: Object.fromEntries(found.map((row) => [row.request, row.query_id])) };
};

const endSession = ({ sessions, release }: Connections, key: string): void => {
  const session = sessions.get(key);
  sessions.delete(key);
  if (session !== undefined) release(session);
};

const stop = async (host: EngineHost, { sessions, control, idle, release }: Connections): Promise<void> => {
  await idle();
  for (const connection of [...sessions.values(), control]) release(connection);
  host.exit(0);
};

/** Hosts the ClickHouse engine: one data directory, a connection for each request, kept ones for sessions. */
export const startEngineProcess = async (host: EngineHost): Promise<(request: EngineRequest) => void> => {
  await mkdir(host.dataDir, { recursive: true });
  const library = await loadEngineLibrary();
  const args = [`--config-file=${host.configFile}`, ...CONNECTION_ARGS];
  const open = (): Session => library.open(host.dataDir, args);
  const connections: Connections = {
    ...library,
    open,
    control: open(),
    sessions: new Map(),
    running: new Set(),
  };
  const [facts] = await rowsOf<{ version: string; timezone: string }>(
    connections.control,
    "SELECT version() AS version, timezone() AS timezone",
  );
  if (facts === undefined) throw new Error("the engine did not tell its version");
  host.send({ type: "ready", ...facts });
  return (request) => {
    switch (request.type) {
      case "run":
        return void run(connections, request).then(host.send);
      case "kill":
        return void kill(host, connections, request.id);
      case "processes":
        return void processes(connections, request.id).then(host.send);
      case "end-session":
        return endSession(connections, request.sessionKey);
      case "ping":
        return void execute(connections.control, "SELECT 1").then(() => host.send({ type: "pong" }));
      case "stop":
        return void stop(host, connections);
    }
  };
};
