import { hash } from "node:crypto";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { erase, neverErased } from "#nervous-system/schemas/erased.ts";
import { erasuresIn, type Erasure } from "#pipeline/siphon/erasures.ts";

/**
 * Keys of the frames that a store was ordered to erase. Each store keeps its own, durably: a frame that is sent again behind its
 * order is written without its words. Everything rejects as the store does.
 */
export type ErasedKeys = {
  /** Whether none are kept: then nobody makes keys of a batch. */
  isEmpty(): Promise<boolean>;
  /** Those of these keys that are kept. */
  among(keys: readonly string[]): Promise<Iterable<string>>;
  /** Keeps keys; what is kept already changes nothing. */
  keep(keys: readonly string[]): Promise<void>;
};

/** Hex digits of a key: half a sha256, so that no two frames have the same one. */
export const KEY_DIGITS = 32;

type Named = Pick<Erasure, "namespace" | "agentUid" | "epoch" | "seq" | "eventId">;

const keyOf = ({ namespace, agentUid, epoch, seq, eventId }: Named): string =>
  hash("sha256", JSON.stringify([namespace, agentUid, epoch, seq, eventId]), "hex").slice(0, KEY_DIGITS);

/** Keys of the frames that orders are about, each once. */
export const erasedKeysOf = (erasures: readonly Named[]): string[] => [...new Set(erasures.map(keyOf))];

const mayBeErased = ({ envelope }: StoredFrame): boolean => !neverErased.includes(envelope.event_type);

const keyOfFrame = ({ envelope }: StoredFrame): string => {
  const { namespace, agent_uid: agentUid, epoch, seq, event_id: eventId } = envelope;
  return keyOf({ namespace, agentUid, epoch, seq, eventId });
};

/**
 * Those of `frames` that were ordered to be erased: before their batch, as the store knows, or in it, as `batch` tells. An order of
 * the same batch counts wherever it stands in it: what it is about is written without its words, at once.
 */
export const findErased = async (
  kept: Omit<ErasedKeys, "keep">,
  batch: readonly StoredFrame[],
  frames = batch,
): Promise<ReadonlySet<StoredFrame>> => {
  const ordered = erasedKeysOf(erasuresIn(batch));
  if (ordered.length === 0 && (await kept.isEmpty())) return new Set();
  const byKey = Map.groupBy(frames.filter(mayBeErased), keyOfFrame);
  if (byKey.size === 0) return new Set();
  const keys = new Set([...ordered, ...(await kept.among([...byKey.keys()]))]);
  return new Set([...keys].flatMap((key) => byKey.get(key) ?? []));
};

/** The frames of a batch as a store may have them: those that were ordered to be erased without what they say. */
export const withoutErased = async (
  kept: Omit<ErasedKeys, "keep">,
  frames: readonly StoredFrame[],
): Promise<readonly StoredFrame[]> => {
  const erased = await findErased(kept, frames);
  return erased.size === 0
    ? frames
    : frames.map((frame) => (erased.has(frame) ? { ...frame, bytes: erase(frame.bytes) } : frame));
};
