import { isSpanContextValid, type Span } from "@opentelemetry/api";
import type { FrameSocket } from "#nervous-system/comms/socket/socket-ipc.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { KnownChange } from "#nervous-system/imports/dependency-reader.ts";
import type { FrameType, PayloadOf } from "#nervous-system/schemas/frames/catalog.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { Enchanted } from "#nervous-system/codecs/genai.ts";
import { boundText } from "../tools/bounded-text.ts";
import type { Decision } from "../tools/decide.ts";
import type { Observation } from "../workspace/observation.ts";
import type { BlobStore } from "./blobs.ts";
import { AgentStopped } from "./limits.ts";
import { boundNames, boundValue, maxNameChars, maxTextChars, renderChange } from "./payloads.ts";
import type { Remembered } from "./recall.ts";

/** One use of a tool. */
type ActionRecord = {
  readonly tool: string;
  readonly arguments: unknown;
  readonly result: string;
  readonly ok: boolean;
  readonly durationMs: number;
};

/** One look at the workspace, with what is known of the files' dependencies. */
type KnownObservation = Pick<Observation, "before" | "after"> & { readonly changes: readonly KnownChange[] };

/** The agent's record: each call resolves when the frame is written, so what follows from a fact is never recorded before it. */
export type Journal = {
  thought(text: string): Promise<void>;
  decision(decision: Decision): Promise<void>;
  /** Answers the frame's id. */
  action(action: ActionRecord): Promise<string>;
  /** One frame a file; `observedBy` is the tool after which it was seen. */
  stateChanges(observation: KnownObservation, observedBy: string): Promise<void>;
  error(message: string, fatal: boolean, stack?: string): Promise<void>;
  heartbeat(activity: string): Promise<void>;
  proposal(payload: PayloadOf<"PROPOSAL">): Promise<void>;
  snapshot(payload: PayloadOf<"SNAPSHOT">): Promise<void>;
  /** How far the record of this attempt is. */
  progress(): Progress;
  /** A lesson that the agent is reminded of. */
  recalled(lesson: Remembered): Promise<void>;
};

/** Frames other than heartbeats that were written, and the sequence number of the last frame; 0 before the first. */
type Progress = { readonly steps: number; readonly seq: number };

/** What a journal writes to. */
type JournalOptions = {
  readonly agent: string;
  readonly socket: FrameSocket;
  readonly blobs: BlobStore;
  readonly span: Span;
  readonly clock: Clock;
  readonly ids: Ids;
};

const blobDeadlineMs = 10_000;

const timestampOf = (clock: Clock): string => {
  const ns = clock.nowNs();
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, "0")}Z`;
};

/** Keeps a head of a long text in the frame and the whole in a blob, if the blob store takes it in time. */
const putLong = async (blobs: BlobStore, text: string): Promise<string | undefined> => {
  if (text.length <= maxTextChars) return undefined;
  return blobs.put(Buffer.from(text), blobDeadlineMs).catch(() => undefined);
};

type Writer = {
  readonly write: <T extends FrameType>(type: T, payload: PayloadOf<T>) => Promise<string>;
  /** Puts the same fact on the span; its event id keeps others from making a second frame of it. */
  readonly mark: (event: string, eventId: string, payload: unknown) => void;
  readonly progress: () => Progress;
};

/** The ids by which a frame finds its span; a span that is not kept has none. */
const traceOf = (span: Span): { trace_id?: string; span_id?: string } => {
  const context = span.spanContext();
  return isSpanContextValid(context) ? { trace_id: context.traceId, span_id: context.spanId } : {};
};

const createWriter = ({ agent, socket, span, clock, ids }: JournalOptions): Writer => {
  let progress: Progress = { steps: 0, seq: 0 };
  return {
    write: async (type, payload) => {
      const frame = {
        ...traceOf(span),
        event_id: ids.next(),
        timestamp: timestampOf(clock),
        agent_id: agent,
        event_type: type,
        payload: payload as Record<string, unknown>,
      };
      const ack = await socket.send(frame);
      if (!ack.ok) {
        const message = `the recorder refused a ${type}: ${ack.reason}`;
        throw new AgentStopped({ reason: "RecordRefused", message, retry: false });
      }
      progress = { steps: progress.steps + (type === "HEARTBEAT" ? 0 : 1), seq: ack.seq };
      return ack.event_id;
    },
    mark: (event, eventId, payload) => {
      span.addEvent(event, { [Enchanted.payload]: JSON.stringify(payload), [Enchanted.eventId]: eventId });
    },
    progress: () => progress,
  };
};

const recordDecision = async ({ write, mark }: Writer, decision: Decision): Promise<void> => {
  const cut = (text: string): string => boundText(text, 4_000);
  const payload = {
    reasoning: cut(decision.reasoning),
    options_considered: decision.options_considered.map(cut),
    rejected_alternatives: decision.rejected_alternatives.map(cut),
    selected_strategy: cut(decision.selected_strategy),
    confidence_score: decision.confidence_score,
  };
  const eventId = await write("DECISION_RATIONALE", payload);
  mark(Enchanted.decisionMade, eventId, { rationale: payload.reasoning, ...payload });
};

const recordAction = async ({ write }: Writer, blobs: BlobStore, action: ActionRecord): Promise<string> => {
  const blob = await putLong(blobs, action.result);
  const result = boundText(action.result, maxTextChars);
  return write("ACTION", {
    tool: action.tool,
    arguments: boundValue(action.arguments),
    result,
    ...(blob === undefined ? {} : { result_blob: blob }),
    ok: action.ok,
    duration_ms: action.durationMs,
    ...(action.ok ? {} : { error: boundText(result, 1_000) }),
  });
};

const recordChange = async (
  { write, mark }: Writer,
  blobs: BlobStore,
  change: KnownChange,
  place: Partial<PayloadOf<"STATE_CHANGE">>,
): Promise<void> => {
  const blob = await putLong(blobs, change.patch ?? "");
  const payload = { ...renderChange(change, blob), ...place };
  const eventId = await write("STATE_CHANGE", payload);
  const { patch: _patch, depends_on: _dependsOn, ...facts } = payload;
  mark(Enchanted.stateChangeApplied, eventId, facts);
};

/** Creates the journal of one agent; a record that cannot be written ends the agent (`AgentStopped`). */
export const createJournal = (options: JournalOptions): Journal => {
  const { blobs, ids } = options;
  const writer = createWriter(options);
  return {
    thought: async (text) => {
      await writer.write("THOUGHT", { text: boundText(text, maxTextChars) });
    },
    decision: (decision) => recordDecision(writer, decision),
    action: (action) => recordAction(writer, blobs, action),
    stateChanges: async ({ before, after, changes }, observedBy) => {
      const id = ids.next();
      const count = changes.length;
      for (const [index, change] of changes.entries()) {
        const trees = { old_state_hash: before, ...(index === count - 1 ? { new_state_hash: after } : {}) };
        await recordChange(writer, blobs, change, { ...trees, batch: { id, index, count }, observed_by: observedBy });
      }
    },
    error: async (message, fatal, stack) => {
      const where = stack === undefined ? {} : { stack: boundText(stack, maxTextChars) };
      await writer.write("ERROR", { message: boundText(message, maxTextChars), fatal, ...where });
    },
    heartbeat: async (activity) => {
      await writer.write("HEARTBEAT", { activity });
    },
    proposal: async (payload) => {
      await writer.write("PROPOSAL", payload);
    },
    snapshot: async (payload) => {
      await writer.write("SNAPSHOT", payload);
    },
    progress: writer.progress,
    recalled: async ({ eventId, text, score, libraries, files }) => {
      const about = { libraries: boundNames(libraries), files: boundNames(files) };
      const said = { text: boundText(text, maxTextChars / 2), sources: [eventId.slice(0, maxNameChars)] };
      await writer.write("LESSON", { state: "recalled", ...said, score, ...about });
    },
  };
};
