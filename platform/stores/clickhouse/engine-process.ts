import { appendFile, mkdir } from "node:fs/promises";
import { drainPending, Session } from "chdb";
import type { EngineReply, EngineRequest, RunRequest } from "./engine-protocol.ts";
import { identifier, stringLiteral } from "./sql-literal.ts";

/** What the engine process needs from its surroundings. */
export type EngineHost = {
  readonly dataDir: string;
  /** ClickHouse configuration file with the server-wide limits. */
  readonly configFile: string;
  readonly send: (reply: EngineReply) => void;
  readonly exit: (code: number) => void;
  readonly after: (ms: number, run: () => void) => void;
};

// A KILL that comes before the engine has listed the query hits nothing, so it is repeated until the query ends.
const KILL_AGAIN_MS = 100;

const marker = (id: number): string => `/* request:${id} */`;

const execute = async (connection: Session, sql: string): Promise<void> => {
  await connection.queryAsync(sql, { format: "Null" });
};

const setAll = (prefix: string, values: Readonly<Record<string, string>>): string | undefined => {
  const assignments = Object.entries(values).map(([name, value]) => `${prefix}${name} = ${stringLiteral(value)}`);
  return assignments.length === 0 ? undefined : `SET ${assignments.join(", ")}`;
};

// Parameters and `readonly` last: a readonly connection accepts no settings any more.
const preparation = ({ database, settings, params }: RunRequest): string[] => {
  const { readonly, ...others } = settings;
  return [
    database === undefined ? undefined : `USE ${identifier(database)}`,
    setAll("", others),
    setAll("param_", params),
    readonly === undefined ? undefined : setAll("", { readonly }),
  ].filter((sql) => sql !== undefined);
};

// Settings of a request end with it; a session keeps only what `SET` has changed.
const restoration = async (connection: Session, settings: Readonly<Record<string, string>>): Promise<string[]> => {
  const names = Object.keys(settings).map(stringLiteral);
  if (names.length === 0) return [];
  const rows = await connection.queryAsync(
    `SELECT name, value, changed FROM system.settings WHERE name IN (${names.join(", ")})`,
    { format: "JSONEachRow" },
  );
  const lines = rows.text().split("\n").filter(Boolean);
  const before = lines.map((line) => JSON.parse(line) as { name: string; value: string; changed: number });
  return before.map(({ name, value, changed }) => `SET ${name} = ${changed ? stringLiteral(value) : "DEFAULT"}`);
};

/** Hosts the ClickHouse engine: one data directory, a connection for each request, kept ones for sessions. */
export const startEngineProcess = async (host: EngineHost): Promise<(request: EngineRequest) => void> => {
  await mkdir(host.dataDir, { recursive: true });
  const connectionArgs = [`--config-file=${host.configFile}`];
  const open = (): Session => new Session(host.dataDir, { connectionArgs });
  // This one holds the engine while no request runs.
  const control = open();
  const sessions = new Map<string, Session>();
  const running = new Set<number>();

  const sessionFor = (key: string): Session => {
    const session = sessions.get(key) ?? open();
    sessions.set(key, session);
    return session;
  };

  const runOn = async (connection: Session, request: RunRequest): Promise<EngineReply> => {
    for (const sql of preparation(request)) await execute(connection, sql);
    const format = request.output?.format ?? "Null";
    const result = await connection.queryAsync(`${request.sql}\n${marker(request.id)}`, { format });
    const bytes = result.bytes();
    if (request.output && bytes.length > 0) await appendFile(request.output.path, bytes);
    const { rowsRead, bytesRead, elapsed } = result;
    return { type: "done", id: request.id, rowsRead, bytesRead, elapsedNs: Math.round(elapsed * 1e9) };
  };

  const runInSession = async (key: string, request: RunRequest): Promise<EngineReply> => {
    const connection = sessionFor(key);
    const restore = await restoration(connection, request.settings);
    try {
      return await runOn(connection, request);
    } finally {
      for (const sql of restore) await execute(connection, sql);
    }
  };

  const runAlone = async (request: RunRequest): Promise<EngineReply> => {
    const connection = open();
    try {
      return await runOn(connection, request);
    } finally {
      connection.close();
    }
  };

  const run = async (request: RunRequest): Promise<void> => {
    running.add(request.id);
    const { sessionKey } = request;
    const reply = await (sessionKey === undefined ? runAlone(request) : runInSession(sessionKey, request)).catch(
      (error: unknown): EngineReply => ({
        type: "failed",
        id: request.id,
        message: String((error as { message?: unknown })?.message ?? error),
      }),
    );
    running.delete(request.id);
    host.send(reply);
  };

  const kill = async (id: number): Promise<void> => {
    if (!running.has(id)) return;
    // Concatenated, so that this statement does not end with the marker and kill itself.
    const ending = `concat('/* request:', '${id} */')`;
    await execute(control, `KILL QUERY WHERE endsWith(query, ${ending}) ASYNC`).catch(() => undefined);
    host.after(KILL_AGAIN_MS, () => void kill(id));
  };

  const processes = async (id: number): Promise<void> => {
    const rows = await control.queryAsync(
      "SELECT query_id, extract(query, '/\\\\* request:(\\\\d+) \\\\*/$') AS request FROM system.processes",
      {
        format: "JSONEachRow",
      },
    );
    const lines = rows.text().split("\n").filter(Boolean);
    const found = lines.map((line) => JSON.parse(line) as { query_id: string; request: string });
    host.send({ type: "processes", id, queryIds: Object.fromEntries(found.map((row) => [row.request, row.query_id])) });
  };

  const stop = async (): Promise<void> => {
    for (const session of sessions.values()) session.close();
    control.close();
    await drainPending();
    host.exit(0);
  };

  const facts = await control.queryAsync("SELECT version() AS version, timezone() AS timezone", {
    format: "JSONEachRow",
  });
  host.send({ type: "ready", ...(JSON.parse(facts.text()) as { version: string; timezone: string }) });

  return (request) => {
    switch (request.type) {
      case "run":
        return void run(request);
      case "kill":
        return void kill(request.id);
      case "processes":
        return void processes(request.id);
      case "end-session":
        sessions.get(request.sessionKey)?.close();
        return void sessions.delete(request.sessionKey);
      case "stop":
        return void stop();
    }
  };
};
