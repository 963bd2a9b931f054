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

/** Where a frame goes: `context.<p>.<namespace>.<mission_uid>.<agent_uid>.<epoch>.<TYPE>`. */
export const frameSubject = (
  e: Pick<Envelope, "namespace" | "mission_uid" | "agent_uid" | "epoch" | "event_type">,
): string =>
  `context.${partitionOf(e.mission_uid)}.${subjectToken(e.namespace)}.${subjectToken(e.mission_uid)}.` +
  `${subjectToken(e.agent_uid)}.${e.epoch}.${subjectToken(e.event_type)}`;

/** Filter for every frame of one chain, whatever mission it is about. */
export const chainFilter = (agentUid: string, epoch: number): string =>
  `context.*.*.*.${subjectToken(agentUid)}.${epoch}.*`;

/** Filter for every frame of one agent, whatever its epoch. */
export const agentFilter = (agentUid: string): string => `context.*.*.*.${subjectToken(agentUid)}.>`;

/** Filter for every frame of one type that is about one mission. */
export const missionTypeFilter = (namespace: string, missionUid: string, eventType: string): string =>
  `context.${partitionOf(missionUid)}.${subjectToken(namespace)}.${subjectToken(missionUid)}.*.*.${subjectToken(eventType)}`;

/** Filter for every frame of one type. */
export const typeFilter = (eventType: string): string => `context.*.*.*.*.*.${subjectToken(eventType)}`;

/** Header names of a stored frame. */
export const frameHeaders = {
  envelope: "Enchanted-Envelope",
  prevHash: "Enchanted-Prev-Hash",
  hash: "Enchanted-Hash",
  /** User who sent a stranger's frame, percent-encoded; frames of pods and components have none. */
  principal: "Enchanted-Principal",
  reason: "Enchanted-Reason",
} as const;
