import { createHash } from "node:crypto";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";

/** Subject partitions of the stream, fixed from day one so that the siphon can be split later. */
export const partitions = 16;

/** The stream of all frames. */
export const contextStream = "CONTEXT";

/** The stream of spans on their way to trace backends. */
export const spansStream = "SPANS";

/** The stream of what could not become a frame, with the reason. */
export const deadStream = "CONTEXT_DEAD";

/** The stream of the ends of chains whose last frames were trimmed, one message a chain. */
export const tailsStream = "CONTEXT_TAILS";

/** The stream that counts the bytes of blobs. */
export const blobBytesStream = "BLOB_BYTES";

/** The stream of what parts of the pipeline last said of themselves, one message a part. */
export const partStatesStream = "PART_STATES";

/** A part that says how it is. */
export type TellingPart = "siphon" | "auditor";

/** Where a part says how it is. */
export const partStateSubject = (part: TellingPart): string => `states.${part}`;

/** Who fills a namespace's share of the store of blobs: its agents and external clients, or what components record of it. */
export type BlobPayer = "agents" | "components";

/** Name of the publisher's durable reader. */
export const publisherReader = "publisher";

/** Name of the summarizer's durable reader. */
export const summarizerReader = "summarizer";

const safeToken = /^[A-Za-z0-9_-]+$/;

const encodeByte = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;

/** One subject token: letters, digits, `_` and `-` as they are, every other byte percent-encoded, `_` when absent. */
export const subjectToken = (text: string | undefined): string => {
  if (text === undefined || text === "") return "_";
  if (safeToken.test(text)) return text;
  return [...Buffer.from(text, "utf8")]
    .map((byte) => (safeToken.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : encodeByte(byte)))
    .join("");
};

const hashedPartition = (missionUid: string): number =>
  createHash("sha256").update(missionUid).digest().readUInt32BE(0) % partitions;

// Few missions write at a time, and hashing costs more than the rest of a subject; the bound holds a flood of them.
const MAX_REMEMBERED = 4096;
const remembered = new Map<string, number>();

/** Partition 0..15 of a mission, the same everywhere. */
export const partitionOf = (missionUid: string): number => {
  const known = remembered.get(missionUid);
  if (known !== undefined) return known;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const partition = hashedPartition(missionUid);
  remembered.set(missionUid, partition);
  return partition;
};

/** Lane of the stream: `signal` holds the types that somebody acts on, `bulk` every other, unknown ones too. */
export type Lane = "signal" | "bulk";

const signalTypes: ReadonlySet<string> = new Set(
  ["PLAN", "TASK", "CLAIM", "MESSAGE", "REQUEST", "INTERVENTION", "PROPOSAL", "PUBLICATION"].concat([
    "VERDICT",
    "ROLLOUT",
    "LIFECYCLE",
    "SNAPSHOT",
    "LESSON",
    "ERROR",
    "GAP",
  ]),
);

/** The lane of a frame type. */
export const laneOf = (eventType: string): Lane => (signalTypes.has(eventType) ? "signal" : "bulk");

/** Where a chunk goes: `context.<p>.<namespace>.<mission_uid>.<agent_uid>.<epoch>.<lane>`; no producer chooses a token. */
export const chunkSubject = (
  e: Pick<Envelope, "namespace" | "mission_uid" | "agent_uid" | "epoch" | "event_type">,
): string =>
  `context.${partitionOf(e.mission_uid)}.${subjectToken(e.namespace)}.${subjectToken(e.mission_uid)}.` +
  `${subjectToken(e.agent_uid)}.${e.epoch}.${laneOf(e.event_type)}`;

/** Filter for every frame of one chain, whatever mission it is about. */
export const chainFilter = (agentUid: string, epoch: number): string =>
  `context.*.*.*.${subjectToken(agentUid)}.${epoch}.*`;

/** Filter for every frame of one agent, whatever its epoch. */
export const agentFilter = (agentUid: string): string => `context.*.*.*.${subjectToken(agentUid)}.>`;

/** Where the trimmed end of a chain is kept, `tails.<namespace>.<agent_uid>.<epoch>`: the chain is that of a chunk's subject. */
export const tailSubject = (ofChunk: string): string => {
  const [, , namespace, , agentUid, epoch] = ofChunk.split(".");
  return `tails.${namespace}.${agentUid}.${epoch}`;
};

/** Filter for the trimmed end of one chain, whoever's it is. */
export const tailFilter = (agentUid: string, epoch: number): string => `tails.*.${subjectToken(agentUid)}.${epoch}`;

/** Filter for the trimmed ends of one agent's chains. */
export const agentTailFilter = (agentUid: string): string => `tails.*.${subjectToken(agentUid)}.>`;

/** Where the bytes of a namespace's blobs are counted, `blobs.<namespace>.<payer>`. */
export const blobBytesSubject = (namespace: string, payer: BlobPayer): string =>
  `blobs.${subjectToken(namespace)}.${payer}`;

/** Filter for every chunk of the signal lane. */
export const signalFilter = "context.*.*.*.*.*.signal";

/** Filter for every chunk of the signal lane that is about one mission. */
export const missionSignalFilter = (namespace: string, missionUid: string): string =>
  `context.${partitionOf(missionUid)}.${subjectToken(namespace)}.${subjectToken(missionUid)}.*.*.signal`;

/** Header names of a chunk: what readers need without unpacking it. */
export const chunkHeaders = {
  agentUid: "Enchanted-Agent",
  epoch: "Enchanted-Epoch",
  firstSeq: "Enchanted-First-Seq",
  lastSeq: "Enchanted-Last-Seq",
  count: "Enchanted-Count",
  /** Hash of the last frame, 64 hex digits. */
  hash: "Enchanted-Hash",
  /** User who sent the frames, percent-encoded, where that was no pod and no component. */
  principal: "Enchanted-Principal",
  /** `zstd`, or absent for a body that is not packed. */
  encoding: "Enchanted-Encoding",
} as const;

/** Header names of a dead letter. */
export const letterHeaders = {
  /** Why it is one. */
  reason: "Enchanted-Reason",
  /** Uid of the agent that sent it, percent-encoded where it is none; absent where nobody knows. */
  agentUid: "Enchanted-Agent",
  /** The frame's place in that agent's record, `<epoch>/<seq>`; absent where it could not be read. */
  frame: "Enchanted-Frame",
} as const;

/** The stream keeps so many letters of one subject, the newest: of the largest, 96 MiB a namespace and who refuses them. */
export const lettersOfSubject = 16;

const letterPlaces = 8;

/**
 * Subject of a dead letter. A namespace has a few, among which its agents are spread: so what it keeps is bounded however
 * many agents it has, and one that floods pushes out the letters of few others, none of them in another namespace.
 */
export const letterSubject = (refusedBy: string, namespace: string, agentUid: string | undefined): string => {
  const place =
    createHash("sha256")
      .update(agentUid ?? "")
      .digest()
      .readUInt32BE(0) % letterPlaces;
  return `dead.${subjectToken(refusedBy)}.${subjectToken(namespace)}.${place}`;
};

/** Filter for what one refused, of one namespace or of all. */
export const lettersFilter = (refusedBy: string, namespace: string | undefined): string =>
  `dead.${subjectToken(refusedBy)}.${namespace === undefined ? "*" : subjectToken(namespace)}.*`;

/** Whose letters are a sink's. */
export const refusingSink = (sink: string): string => `siphon-${sink}`;
