// What the published module shows to TypeScript. It imports nothing, so that its declarations stand alone.

/** One frame: its type and payload; the rest is stamped where it is missing. */
export type ClientFrame = {
  /** UPPER_SNAKE: THOUGHT, DECISION_RATIONALE, STATE_CHANGE, MESSAGE, ACTION, … */
  event_type: string;
  payload?: Readonly<Record<string, unknown>>;
  /** A UUID, or 64 hex digits of a digest: by it a frame that is handed over again is known. A fresh one without it. */
  event_id?: string;
  /** RFC 3339; the time of the call without it. */
  timestamp?: string;
  agent_id?: string;
  related_commit_hash?: string;
  parent_event_id?: string;
  /** 32 and 16 hex digits: the span that the frame belongs to. */
  trace_id?: string;
  span_id?: string;
};

/** A rule of redaction, beside those for secrets of known forms: what the RE2 pattern, or its first group, finds is cut out. */
export type ClientRedactionRule = { readonly name: string; readonly pattern: string };

/** How a client records. */
export type ContextClientOptions = {
  /** Directory of the client's own log, for the time that the scribe's socket is away; one process at a time. */
  directory: string;
  /** The scribe's socket; `$ENCHANTED_SOCKET` without it, and without that the log takes everything. */
  socketPath?: string;
  redact?: readonly ClientRedactionRule[];
  /** Bytes of the client's own log at most; at the limit, recording waits. 256 MiB without it. */
  maxLogBytes?: number;
  /** Told of a frame that is not recorded, and why: it is no JSON, too large, or of a type that agents may not write. */
  onRefused?: (reason: string, eventId: string) => void;
};

/** How a client stands. */
export type ContextClientState = {
  /** Whether the scribe's socket takes frames. */
  connected: boolean;
  /** Frames that only this process's memory holds. */
  inMemory: number;
  /** Frames in the client's own log that are not the scribe's yet. */
  inLog: number;
  refused: number;
};

/** Records frames without holding the program up. */
export type ContextClient = {
  /**
   * Takes a frame, which must not be changed afterwards, in microseconds. Answers nothing while there is room; else a
   * promise that resolves when there is. Throws when four times what should be held is held and nobody waited, and when
   * the client is closed.
   */
  record(frame: ClientFrame): void | Promise<void>;
  /** Resolves when there is room. */
  ready(): Promise<void>;
  /** Resolves when every frame recorded before the call survives the death of this process: in the scribe's log, or in the client's own. */
  flush(): Promise<void>;
  /** Resolves true when every frame recorded before the call is the scribe's, false when `limitMs` are over first. */
  handOver(limitMs: number): Promise<boolean>;
  /** Hands over what it can in `limitMs` (1,000 without it), leaves the rest in its own log, and ends. False if frames are lost. */
  close(limitMs?: number): Promise<boolean>;
  state(): ContextClientState;
};

/** Creates a client; rejects where the directory cannot be had, with code `WAL_LOCKED` where another process has it. */
export type CreateContextClient = (options: ContextClientOptions) => Promise<ContextClient>;
