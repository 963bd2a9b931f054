import { hasFragileNumbers } from "#nervous-system/recorder/exact-json.ts";
import type { Redactor } from "#nervous-system/recorder/redact.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import type { Host } from "../host.ts";
import { identityOf } from "../outbox/outbox.ts";
import { importedUid } from "./chain-uid.ts";
import { boundPayload } from "./bounded.ts";
import { createClaudeReader } from "./claude-code.ts";
import { createCodexReader } from "./codex.ts";
import type { Destination } from "./destination.ts";
import { known } from "./fields.ts";
import { createGeminiReader } from "./gemini-cli.ts";
import { beginChain, type ImportedChain, type Origin } from "./imported-chain.ts";
import { createOpencodeReader } from "./opencode.ts";
import { countCame, countFrame, countIn, INTERRUPTED, noteUnread, type Outcome } from "./outcome.ts";
import type { Entry } from "./read-entries.ts";
import type { AgentName, SessionFrame, SessionOut, SessionReader } from "./session-frames.ts";

/** What every file is imported with. */
export type ImportContext = {
  host: Host;
  namespace: string;
  redactor: Redactor | undefined;
  /** Whether somebody named rules for the redactor. */
  hasOwnRules: boolean;
  destination: Destination;
  /** Ends the import between two entries. */
  signal: AbortSignal;
};

/** A session, and what stands in its file. */
export type Session = { agent: AgentName; session: string; entries: AsyncIterable<Entry> };

const readers: Readonly<Record<AgentName, (out: SessionOut) => SessionReader>> = {
  codex: createCodexReader,
  "claude-code": createClaudeReader,
  "gemini-cli": createGeminiReader,
  opencode: createOpencodeReader,
};

/** More are waited for. */
const MAX_UNDER_WAY = 512;

/** Writes what a reader tells into a chain. */
class SessionWriter implements SessionOut {
  private readonly of: Omit<Session, "entries">;
  private readonly chain: ImportedChain;
  private readonly outcome: Outcome;
  private readonly underWay = new Set<Promise<void>>();
  /** What comes again gets the place that it has. */
  private readonly seqs = new Set<number>();
  private line = 0;

  constructor(of: Omit<Session, "entries">, chain: ImportedChain, outcome: Outcome) {
    this.of = of;
    this.chain = chain;
    this.outcome = outcome;
  }

  at(line: number): void {
    this.line = line;
  }

  tell(frame: SessionFrame): void {
    const work = this.write(frame, this.line);
    this.underWay.add(work);
    void work.finally(() => this.underWay.delete(work));
  }

  leaveOut(what: string): void {
    countIn(this.outcome.leftOut, what);
  }

  keep(what: string, { key, at, copiedFrom, value }: Parameters<SessionOut["keep"]>[1]): void {
    countIn(this.outcome.kept, what);
    this.tell({ key, at, copiedFrom, type: "IMPORTED_ENTRY", payload: { what, entry: value } });
  }

  async settle(most: number): Promise<void> {
    while (this.underWay.size > most) await Promise.all(this.underWay);
  }

  private async write({ key, at, type, payload, copiedFrom }: SessionFrame, line: number): Promise<void> {
    try {
      const { agent, session } = this.of;
      const frame = {
        event_id: stableId("imported", agent, session, key, type),
        timestamp: at,
        agent_id: agent,
        event_type: type,
        payload: boundPayload({
          ...payload,
          imported: known({ from: agent, session, entry: key, copied_from: copiedFrom }),
        }),
      };
      const text = JSON.stringify(frame);
      const origin: Origin = {
        producer: type === "LIFECYCLE" ? "scribe" : "agent",
        observedNs: at === undefined ? undefined : parseTimestampNs(at),
      };
      const result = await (hasFragileNumbers(text) ? this.chain.line(text, origin) : this.chain.tell(frame, origin));
      if (!result.ok) return noteUnread(this.outcome, line, result.reason);
      countFrame(this.outcome, type, this.seqs.has(result.seq));
      this.seqs.add(result.seq);
    } catch (error) {
      this.outcome.trouble ??= (error as Error).message;
    }
  }
}

type Parts = { reader: SessionReader; writer: SessionWriter; outcome: Outcome; signal: AbortSignal };

const takeOne = (entry: Entry, { reader, writer, outcome }: Parts): void => {
  if ("why" in entry) return noteUnread(outcome, entry.line, entry.why);
  try {
    reader.take(entry.value, entry.line);
  } catch {
    // Sessions are of programs that change: what is odd in one entry does not keep the others from being read.
    writer.keep("an entry that cannot be read", { key: `unread/${entry.line}`, at: undefined, value: entry.value });
  }
};

const takeAll = async (entries: AsyncIterable<Entry>, parts: Parts): Promise<void> => {
  const { reader, writer, outcome, signal } = parts;
  try {
    for await (const entry of entries) {
      writer.at(entry.line);
      takeOne(entry, parts);
      await writer.settle(MAX_UNDER_WAY);
      if (signal.aborted) outcome.trouble ??= INTERRUPTED;
      if (outcome.trouble !== undefined) break;
    }
    if (outcome.trouble === undefined) reader.end?.();
  } finally {
    await writer.settle(0);
  }
};

/** Imports one session into a chain of its own, which is the same each time. */
export const importSession = async (
  context: ImportContext,
  { agent, session, entries }: Session,
  outcome: Outcome,
): Promise<void> => {
  const { host, namespace, redactor, destination, signal } = context;
  const uid = importedUid(namespace, agent, session);
  const identity = identityOf({ agent_uid: uid, agent_id: agent, namespace });
  Object.assign(outcome, { agent, session });
  const log = await destination.open(identity, 1);
  try {
    const chain = await beginChain({ identity, redactor, ids: host.ids, clock: host.clock, log });
    const writer = new SessionWriter({ agent, session }, chain, outcome);
    const reader = readers[agent](writer);
    await takeAll(entries, { reader, writer, outcome, signal });
    outcome.open = reader.open();
  } finally {
    const left = await log.close();
    countCame(outcome, log.came());
    if (left !== undefined) outcome.trouble ??= left;
  }
};
