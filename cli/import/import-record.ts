import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { noMission } from "#nervous-system/schemas/ids.ts";
import { encodeStoredFrame } from "#nervous-system/recorder/stored-record.ts";
import { parseFrameLine } from "#nervous-system/recorder/context-file/frame-line.ts";
import { linkFault } from "#nervous-system/schemas/chain.ts";
import { linkOf } from "../record/check-chains.ts";
import { identityOf } from "../outbox/outbox.ts";
import { importedUid } from "./chain-uid.ts";
import type { ChainLog } from "./destination.ts";
import type { ImportContext } from "./import-session.ts";
import { beginChain, type ImportedChain } from "./imported-chain.ts";
import { countCame, countFrame, INTERRUPTED, noteUnread, type Outcome } from "./outcome.ts";
import type { Entry } from "./read-entries.ts";

/** One chain of a record: taken as it is where its stamps fit, else made anew under stamps that do. */
type OpenChain = {
  log: ChainLog;
  anew: ImportedChain | undefined;
  /** The frames that were taken: a record that holds one several times tells it once. */
  taken: Set<string>;
};

/** As what a frame was taken, the same of one that comes again; or why it was not. */
type Taken = { ok: true; as: string } | { ok: false; why: string };

const agentIdOf = ({ bytes }: RecordedFrame): string => {
  const { agent_id } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { agent_id?: unknown };
  return typeof agent_id === "string" && agent_id !== "" ? agent_id : "imported";
};

/** Agent and session of a chain that was imported from one, so that it is the same chain as the session's own import makes. */
const sessionOf = ({ envelope, bytes }: RecordedFrame): [string, string] | undefined => {
  const { payload } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { payload?: { imported?: unknown } };
  const { from, session } = (payload?.imported ?? {}) as { from?: unknown; session?: unknown };
  if (typeof from !== "string" || typeof session !== "string") return undefined;
  return importedUid(envelope.namespace, from, session) === envelope.agent_uid ? [from, session] : undefined;
};

/** A pod's frames and a component's are stored by their own recorders: nobody else's word counts for them. */
const isOfCommandLine = ({ epoch, mission_uid }: RecordedFrame["envelope"]): boolean =>
  epoch === 1 && mission_uid === noMission;

class RecordImport {
  private readonly context: ImportContext;
  private readonly outcome: Outcome;
  private readonly chains = new Map<string, Promise<OpenChain>>();

  constructor(context: ImportContext, outcome: Outcome) {
    this.context = context;
    this.outcome = outcome;
  }

  async take(frame: RecordedFrame, line: number): Promise<void> {
    const { envelope } = frame;
    if (!this.context.destination.takesAnyChain && !isOfCommandLine(envelope))
      return noteUnread(this.outcome, line, "the frame is not one of the command line, which a collector alone takes");
    const key = `${envelope.agent_uid}/${envelope.epoch}`;
    const opened = this.chains.get(key) ?? this.open(frame);
    this.chains.set(key, opened);
    const chain = await opened;
    const taken = chain.anew === undefined ? await this.asItIs(chain, frame) : await this.again(chain.anew, frame);
    if (!taken.ok) return noteUnread(this.outcome, line, taken.why);
    countFrame(this.outcome, envelope.event_type, chain.taken.has(taken.as));
    chain.taken.add(taken.as);
  }

  async close(): Promise<void> {
    for (const opened of this.chains.values()) {
      const chain = await opened.catch(() => undefined);
      if (chain === undefined) continue;
      const left = await chain.log.close();
      countCame(this.outcome, chain.log.came());
      if (left !== undefined) this.outcome.trouble ??= left;
    }
  }

  private async open(frame: RecordedFrame): Promise<OpenChain> {
    const { host, namespace, redactor, destination } = this.context;
    const { agent_uid: uid, epoch, namespace: recordedIn } = frame.envelope;
    const isFitting = destination.takesAnyChain || recordedIn === namespace;
    if (isFitting && this.context.hasOwnRules)
      throw new Error("--redact cannot change a record that comes as it is: its hashes cover its words");
    const agent_uid = isFitting ? uid : importedUid(namespace, ...(sessionOf(frame) ?? [uid]));
    const identity = identityOf({ agent_uid, agent_id: agentIdOf(frame), namespace });
    const log = await destination.open(identity, epoch);
    return {
      log,
      taken: new Set(),
      anew: isFitting ? undefined : await beginChain({ identity, redactor, ids: host.ids, clock: host.clock, log }),
    };
  }

  private async asItIs({ log, taken }: OpenChain, frame: RecordedFrame): Promise<Taken> {
    const { event_type: type, event_id, seq } = frame.envelope;
    const why = type === "GAP" ? undefined : linkFault(linkOf(frame), seq, undefined);
    if (why !== undefined) return { ok: false, why: `the frame was changed: its ${why}` };
    // A GAP may have the hash of the frame in whose place it stands.
    const as = `${frame.hash} ${event_id}`;
    if (!taken.has(as)) await log.append(encodeStoredFrame({ ...frame, claimedNs: BigInt(frame.envelope.observed) }));
    return { ok: true, as };
  }

  private async again(chain: ImportedChain, { envelope, bytes }: RecordedFrame): Promise<Taken> {
    const { trace_id: traceId, span_id: spanId, producer, observed, flags = [] } = envelope;
    const trace = traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
    const origin = { producer, observedNs: BigInt(observed), trace, withheld: flags.includes("withheld") };
    const result = await chain.line(Buffer.from(bytes).toString("utf8"), origin);
    return result.ok ? { ok: true, as: String(result.seq) } : { ok: false, why: result.reason };
  }
}

const takeEntry = async (record: RecordImport, entry: Entry, outcome: Outcome): Promise<void> => {
  if ("why" in entry) return noteUnread(outcome, entry.line, entry.why);
  const parsed = parseFrameLine(entry.text);
  if (parsed.kind === "frame") return record.take(parsed.frame, entry.line);
  noteUnread(outcome, entry.line, "it has no hash: give it a chain with: enchanted sink < file");
};

/** Imports a record of the command line: its chains as they are, or under the stamps of another namespace. */
export const importRecord = async (
  context: ImportContext,
  entries: AsyncIterable<Entry>,
  outcome: Outcome,
): Promise<void> => {
  const record = new RecordImport(context, outcome);
  try {
    for await (const entry of entries) {
      await takeEntry(record, entry, outcome);
      if (context.signal.aborted) outcome.trouble ??= INTERRUPTED;
      if (outcome.trouble !== undefined) break;
    }
  } catch (error) {
    outcome.trouble ??= (error as Error).message;
  } finally {
    await record.close();
  }
};
