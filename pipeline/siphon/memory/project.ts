import { createHash } from "node:crypto";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { readFrame, tell, type ByType } from "#nervous-system/fold/read-frame.ts";
import { never, type MemoryKind, type MemoryProperties } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { objectIdOf } from "#nervous-system/stores/weaviate/object-id.ts";
import { wordsOf } from "#pipeline/embedding/words.ts";

/** Something to remember. */
export type MemoryItem = {
  readonly kind: MemoryKind;
  /** The same for the same frame, whenever it comes. */
  readonly id: string;
  readonly properties: MemoryProperties;
  /** What its vector is made of. */
  readonly embedded: string;
};

/** What a frame says about lessons that are there: events that it accepts or retires. */
export type LessonMark = {
  readonly state: "accepted" | "retired";
  readonly place: number;
  /** Agent that says it. */
  readonly by: string;
  readonly events: readonly string[];
};

/** What becomes of a frame: something to remember, or something about what is remembered. */
export type Projection = { readonly item?: MemoryItem; readonly mark?: LessonMark };

// Of a longer text the rest is in the ledger: an embedder reads some hundred words, and an object is answered whole.
const MAX_TEXT = 8_000;
const MAX_EMBEDDED = 4_000;
const MAX_NAMES = 256;

const bounded = (text: string, max: number): string => text.slice(0, max).toWellFormed();
const named = (names: readonly string[] = []): string[] => names.slice(0, MAX_NAMES).map((name) => bounded(name, 512));

type Told = Pick<MemoryItem, "kind" | "embedded"> & {
  readonly text: string;
  /** Within what the same words are the same memory. */
  readonly scope: string;
  readonly libraries?: readonly string[] | undefined;
  readonly files?: readonly string[] | undefined;
  readonly sources?: readonly string[] | undefined;
};

type Reader = (frame: StoredFrame) => { readonly told?: Told; readonly mark?: LessonMark };

/** The lines that a diff adds and removes, without their context and headers. */
const changedLines = (patch: string): string =>
  patch
    .split("\n")
    .filter((line) => /^[+-](?![+-]{2} )/.test(line))
    .map((line) => line.slice(1).trim())
    .join("\n");

const readers: Partial<ByType<Reader>> = {
  LESSON: ({ said: { state, text = "", sources, libraries, files } }) => {
    const told: Told = { kind: "lesson", embedded: text, text, scope: "", sources, libraries, files };
    return ({ place, principal, envelope }) => {
      if (state === "learned") return { told };
      // What an agent was reminded of is known already, and nobody outside judges what agents learned.
      if (state === undefined || state === "recalled" || principal !== undefined) return {};
      return { mark: { state, place, by: envelope.agent_uid, events: named(sources) } };
    };
  },
  DECISION_RATIONALE: ({ said: { reasoning = "", selected_strategy = "" } }) => {
    const text = [selected_strategy, reasoning].filter((part) => part !== "").join(". ");
    return ({ envelope }) => ({ told: { kind: "decision", embedded: text, text, scope: envelope.mission_uid } });
  },
  STATE_CHANGE: ({ said: { file_modified: file = "", patch = "" } }) => {
    const lines = changedLines(patch);
    const embedded = lines === "" ? "" : `${file}\n${lines}`;
    return ({ envelope }) => ({
      told: { kind: "diff", embedded, text: patch, scope: `${envelope.mission_uid}/${file}`, files: [file] },
    });
  },
};

/** Lessons and decisions are the same by the words that are kept of them, diffs by every character. */
const fingerprintOf = ({ kind, scope, text }: Told): string =>
  createHash("sha256")
    .update(JSON.stringify([scope, kind === "diff" ? text : wordsOf(bounded(text, MAX_TEXT)).join(" ")]))
    .digest("hex");

/** What tells one frame from all others. */
type FrameKey = {
  readonly agentUid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly eventId: string;
  readonly principal: string;
};

/** The id of what is remembered of a frame: of one that no chain holds, whose it is and its id. */
export const idOfFrame = ({ agentUid, epoch, seq, eventId, principal }: FrameKey): string =>
  seq > 0 ? objectIdOf(agentUid, epoch, seq) : objectIdOf(principal, agentUid, eventId);

const itemOf = (frame: StoredFrame, told: Told): MemoryItem => {
  const { agent_uid, epoch, seq, event_id, mission_uid, mission, observed } = frame.envelope;
  return {
    kind: told.kind,
    id: idOfFrame({ agentUid: agent_uid, epoch, seq, eventId: event_id, principal: frame.principal ?? "" }),
    embedded: bounded(told.embedded, MAX_EMBEDDED),
    properties: {
      text: bounded(told.text, MAX_TEXT),
      fingerprint: fingerprintOf(told),
      hash: frame.hash,
      event_id: event_id.toWellFormed(),
      agent_uid,
      epoch,
      seq,
      mission_uid,
      mission,
      observed,
      libraries: named(told.libraries),
      files: named(told.files),
      sources: named(told.sources),
      place: frame.place,
      accepted_place: never,
      retired_place: never,
    },
  };
};

/** What a frame gives the memory; never throws, whatever its bytes are. */
export const projectFrame = (frame: StoredFrame): Projection => {
  const { told, mark } = tell(readers, readFrame(frame.envelope.event_type, frame.bytes))?.(frame) ?? {};
  return {
    ...(told === undefined ? {} : { item: itemOf(frame, told) }),
    ...(mark === undefined ? {} : { mark }),
  };
};
