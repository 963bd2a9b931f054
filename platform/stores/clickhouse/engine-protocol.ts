/** One statement for the engine process. */
export type RunRequest = {
  readonly type: "run";
  /** Unique in the life of the server; marks the statement in `system.processes`. */
  readonly id: number;
  /** Run on this kept connection, which holds temporary tables and settings; else on a fresh one. */
  readonly sessionKey?: string;
  readonly database?: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
  readonly sql: string;
  /** Format and file of the rows that the engine hands back itself; absent when the statement names its own output. */
  readonly output?: { readonly format: string; readonly path: string };
};

/** What the server tells the engine process. */
export type EngineRequest =
  | RunRequest
  | { readonly type: "kill"; readonly id: number }
  | { readonly type: "processes"; readonly id: number }
  | { readonly type: "end-session"; readonly sessionKey: string }
  | { readonly type: "ping" }
  | { readonly type: "stop" };

/** A finished statement: the rows it wrote or answered, their size in the engine, and its time. */
export type RunSummary = { readonly rows: number; readonly bytes: number; readonly elapsedNs: number };

/** What the engine process tells the server. */
export type EngineReply =
  | { readonly type: "ready"; readonly version: string; readonly timezone: string }
  | { readonly type: "pong" }
  | ({ readonly type: "done"; readonly id: number } & RunSummary)
  | { readonly type: "failed"; readonly id: number; readonly message: string }
  /** The engine's own query id of every running request, by request id. */
  | { readonly type: "processes"; readonly id: number; readonly queryIds: Readonly<Record<number, string>> };
