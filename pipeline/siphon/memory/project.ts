import { createHash } from "node:crypto";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { readFrame, tell, type ByType } from "#nervous-system/fold/read-frame.ts";
import { never, type MemoryKind, type MemoryProperties } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { objectIdOf } from "#nervous-system/stores/weaviate/object-id.ts";
import { wordsOf } from "#pipeline/embedding/words.ts";
import { embeddedOf } from "#pipeline/siphon/memory/embedded-text.ts";
import { ownerOf, type MarkState } from "#pipeline/siphon/memory/lesson-marks.ts";
import type { PullRequestWord } from "#pipeline/siphon/memory/pull-requests.ts";
import type { Moment } from "#pipeline/siphon/moment.ts";

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
  readonly state: MarkState;
  readonly at: Moment;
  /** Whose word it is, by `ownerOf`. */
  readonly by: string;
  readonly events: readonly string[];
};

/** What becomes of a frame: something to remember, something about what is remembered, or about what became of a mission. */
export type Projection = {
  readonly item?: MemoryItem;
  readonly mark?: LessonMark;
  readonly request?: PullRequestWord;
};

// Of a longer text the rest is in the ledger: an object is answered whole.
const MAX_TEXT = 8_000;
const MAX_NAMES = 256;

const bounded = (text: string, max: number): string => text.slice(0, max).toWellFormed();
const named = (names: readonly string[] = []): string[] => names.slice(0, MAX_NAMES).map((name) => bounded(name, 512));

type Told = Pick<MemoryItem, "kind"> & {
  readonly text: string;
  /** Within what the same words are the same memory. */
  readonly scope: string;
  readonly libraries?: readonly string[] | undefined;
  readonly files?: readonly string[] | undefined;
  readonly sources?: readonly string[] | undefined;
};

type Read = {
  readonly told?: Told;
  readonly mark?: Omit<LessonMark, "at">;
  readonly request?: PullRequestWord["said"];
};
type Reader = (frame: StoredFrame) => Read;

const readers: Partial<ByType<Reader>> = {
  LESSON: ({ said: { state, text = "", sources, libraries, files } }) => {
    const told: Told = { kind: "lesson", text, scope: "", sources, libraries, files };
    return ({ principal, envelope }) => {
      if (state === "learned") return { told };
      // What an agent was reminded of is known already, and nobody outside judges what agents learned.
      if (state === undefined || state === "recalled" || principal !== undefined) return {};
      return { mark: { state, by: ownerOf(envelope), events: named(sources) } };
    };
  },
  DECISION_RATIONALE: ({ said: { reasoning = "", selected_strategy = "" } }) => {
    const text = [selected_strategy, reasoning].filter((part) => part !== "").join(". ");
    return ({ envelope }) => ({ told: { kind: "decision", text, scope: envelope.mission_uid } });
  },
  STATE_CHANGE: ({ said: { file_modified: file = "", patch = "" } }) => {
    return ({ envelope }) => ({
      told: { kind: "diff", text: patch, scope: `${envelope.mission_uid}/${file}`, files: [file] },
    });
  },
  PUBLICATION: ({ said: { state, url = "" } }) => {
    if (url === "" || state === undefined || state === "refused") return () => ({});
    // The collector lets nobody but the publisher say so; of what an external client sends it knows no mission.
    return ({ envelope, principal }) =>
      principal === undefined && envelope.producer === "supervisor"
        ? { request: { missionUid: envelope.mission_uid, url, state } }
        : {};
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

const itemOf = (frame: StoredFrame, told: Told, stream: string): MemoryItem => {
  const { agent_uid, epoch, seq, event_id, mission_uid, mission, observed } = frame.envelope;
  const [text, files] = [bounded(told.text, MAX_TEXT), named(told.files)];
  return {
    kind: told.kind,
    id: idOfFrame({ agentUid: agent_uid, epoch, seq, eventId: event_id, principal: frame.principal ?? "" }),
    embedded: embeddedOf(told.kind, { text, files }),
    properties: {
      text,
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
      files,
      sources: named(told.sources),
      place: frame.place,
      stream,
      accepted_place: never,
      retired_place: never,
      told_events: [],
      told_at: [],
      marks: [],
      vector_due: "no",
    },
  };
};

/** What a frame of stream `stream` gives the memory; never throws, whatever its bytes are. */
export const projectFrame = (frame: StoredFrame, stream: string): Projection => {
  const { told, mark, request } = tell(readers, readFrame(frame.envelope.event_type, frame.bytes))?.(frame) ?? {};
  const at: Moment = { stream, place: frame.place };
  return {
    ...(told === undefined ? {} : { item: itemOf(frame, told, stream) }),
    ...(mark === undefined ? {} : { mark: { ...mark, at } }),
    ...(request === undefined ? {} : { request: { said: request, at } }),
  };
};
