import type { Span } from "@opentelemetry/api";
import type { FrameSocket } from "#nervous-system/comms/socket-ipc.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { FrameType, PayloadOf } from "#nervous-system/schemas/frames/catalog.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { Enchanted } from "#nervous-system/telemetry/genai.ts";
import { boundText } from "../tools/bounded-text.ts";
import type { Decision } from "../tools/decide.ts";
import type { FileChange, Observation } from "../workspace/observation.ts";
import type { BlobStore } from "./blobs.ts";
import { AgentStopped } from "./failure.ts";

/** One use of a tool. */
export type ActionRecord = {
  readonly tool: string;
  readonly arguments: unknown;
  readonly result: string;
  readonly ok: boolean;
  readonly durationMs: number;
};

/** The agent's record: each call resolves when the frame is written, so what follows from a fact is never recorded before it. */
export type Journal = {
  thought(text: string): Promise<void>;
  decision(decision: Decision): Promise<void>;
  /** Answers the frame's id. */
  action(action: ActionRecord): Promise<string>;
  /** One frame a file; `observedBy` is the tool after which it was seen. */
  stateChanges(observation: Observation, observedBy: string): Promise<void>;
  error(message: string, fatal: boolean, stack?: string): Promise<void>;
  heartbeat(activity: string): Promise<void>;
  proposal(payload: PayloadOf<"PROPOSAL">): Promise<void>;
};

/** What a journal writes to. */
export type JournalOptions = {
  readonly agent: string;
  readonly socket: FrameSocket;
  readonly blobs: BlobStore;
  readonly span: Span;
  readonly clock: Clock;
  readonly ids: Ids;
};

// A frame holds at most 256 KiB, of which JSON's escapes may take up to six bytes a character.
const maxTextChars = 24_000;
const blobDeadlineMs = 10_000;

const boundDeep = (value: unknown): unknown => {
  if (typeof value === "string") return boundText(value, maxTextChars);
  if (Array.isArray(value)) return value.slice(0, 200).map(boundDeep);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, boundDeep(inner)]));
};

const boundArguments = (value: unknown): unknown => {
  const bounded = boundDeep(value);
  return JSON.stringify(bounded ?? null).length <= maxTextChars * 3
    ? bounded
    : boundText(JSON.stringify(bounded), maxTextChars);
};

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

const changePayload = (change: FileChange, blob: string | undefined): PayloadOf<"STATE_CHANGE"> => {
  const patch = change.patch;
  const short = patch !== undefined && patch.length <= maxTextChars;
  return {
    file_modified: change.path,
    change: change.change,
    ...(change.oldPath === undefined ? {} : { old_path: change.oldPath }),
    lines_added: change.added,
    lines_removed: change.removed,
    ...(short ? { patch } : {}),
    ...(blob === undefined ? {} : { blob }),
    ...(short || blob !== undefined ? {} : { patch_omitted: "too long for a frame, and no blob could be stored" }),
  };
};

/** Creates the journal of one agent; a record that cannot be written ends the agent (`AgentStopped`). */
export const createJournal = ({ agent, socket, blobs, span, clock, ids }: JournalOptions): Journal => {
  const write = async <T extends FrameType>(type: T, payload: PayloadOf<T>): Promise<string> => {
    const frame = {
      event_id: ids.next(),
      timestamp: timestampOf(clock),
      agent_id: agent,
      event_type: type,
      payload: payload as Record<string, unknown>,
    };
    const ack = await socket.send(frame);
    if (ack.ok) return ack.event_id;
    throw new AgentStopped({
      reason: "RecordRefused",
      message: `the recorder refused a ${type}: ${ack.reason}`,
      retry: false,
    });
  };
  const mark = (event: string, eventId: string, payload: unknown): void => {
    span.addEvent(event, { [Enchanted.payload]: JSON.stringify(payload), [Enchanted.eventId]: eventId });
  };

  const stateChange = async (change: FileChange, place: Partial<PayloadOf<"STATE_CHANGE">>): Promise<void> => {
    const blob = await putLong(blobs, change.patch ?? "");
    const payload = { ...changePayload(change, blob), ...place };
    const eventId = await write("STATE_CHANGE", payload);
    const { patch: _patch, ...facts } = payload;
    mark(Enchanted.stateChangeApplied, eventId, facts);
  };

  return {
    thought: async (text) => {
      await write("THOUGHT", { text: boundText(text, maxTextChars) });
    },
    decision: async (decision) => {
      const payload = boundDeep(decision) as Decision;
      mark(Enchanted.decisionMade, await write("DECISION_RATIONALE", payload), {
        rationale: payload.reasoning,
        ...payload,
      });
    },
    action: async ({ tool, arguments: given, result, ok, durationMs }) => {
      const blob = await putLong(blobs, result);
      const bounded = boundText(result, maxTextChars);
      return write("ACTION", {
        tool,
        arguments: boundArguments(given),
        result: bounded,
        ...(blob === undefined ? {} : { result_blob: blob }),
        ok,
        duration_ms: durationMs,
        ...(ok ? {} : { error: boundText(bounded, 1_000) }),
      });
    },
    stateChanges: async ({ before, after, changes }, observedBy) => {
      const id = ids.next();
      const last = changes.length - 1;
      for (const [index, change] of changes.entries()) {
        const trees = { old_state_hash: before, ...(index === last ? { new_state_hash: after } : {}) };
        await stateChange(change, { ...trees, batch: { id, index, count: changes.length }, observed_by: observedBy });
      }
    },
    error: async (message, fatal, stack) => {
      const where = stack === undefined ? {} : { stack: boundText(stack, maxTextChars) };
      await write("ERROR", { message: boundText(message, maxTextChars), fatal, ...where });
    },
    heartbeat: async (activity) => {
      await write("HEARTBEAT", { activity });
    },
    proposal: async (payload) => {
      await write("PROPOSAL", payload);
    },
  };
};
