import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";

/** The key of a frame. */
export const placeOf = ({ envelope }: RecordedFrame): string =>
  `${envelope.agent_uid}/${envelope.epoch}/${envelope.seq}`;

const hashOf = (frame: RecordedFrame): string =>
  chainHash({
    agentUid: frame.envelope.agent_uid,
    epoch: frame.envelope.epoch,
    seq: frame.envelope.seq,
    prevHash: frame.prevHash,
    observedNs: BigInt(frame.envelope.observed),
    envelopeText: frame.envelopeText,
    bytes: frame.bytes,
  });

type Chain = { seq: number; hash: string; observedNs: bigint };

/** What is wrong with a frame where it stands; a chain that begins follows nothing, or the end of an earlier epoch. */
const faultOf = (
  frame: RecordedFrame,
  before: Chain | undefined,
  mayFollow: ReadonlySet<string>,
): string | undefined => {
  const { seq, observed, event_type } = frame.envelope;
  if (seq !== (before?.seq ?? 0) + 1) return `follows seq ${before?.seq ?? 0}`;
  if (before === undefined ? !mayFollow.has(frame.prevHash) : frame.prevHash !== before.hash)
    return "its prev_hash is not the hash of the frame before";
  // What stands behind lost frames may be older than they were: a clock that was set back, and a log that forgot.
  if (event_type !== "GAP" && before !== undefined && BigInt(observed) <= before.observedNs)
    return "was observed before the frame before it";
  return undefined;
};

/** Walks the stream and names each frame that does not continue its chain: numbers, links, times and hashes. */
export function* chainFaults(
  stream: readonly RecordedFrame[],
  mayBeGap: (frame: RecordedFrame) => boolean,
): Iterable<string> {
  const chains = new Map<string, Chain>();
  const endings = new Map<string, Set<string>>();
  for (const frame of stream) {
    const { agent_uid, epoch, seq, observed, event_type } = frame.envelope;
    const key = `${agent_uid}/${epoch}`;
    const known = endings.get(agent_uid) ?? new Set([zeroHash]);
    const isGap = event_type === "GAP";
    // An epoch resumes from what its log held, which a damaged one may have as a GAP and the stream as it was.
    const why = faultOf(frame, chains.get(key), mayBeGap(frame) ? known.add(frame.prevHash) : known);
    if (why !== undefined) yield `${placeOf(frame)} ${why}`;
    if (isGap && !mayBeGap(frame)) yield `${placeOf(frame)} is a GAP where no disk was at fault`;
    if (!isGap && hashOf(frame) !== frame.hash) yield `${placeOf(frame)} does not have the hash of what it says`;
    chains.set(key, { seq, hash: frame.hash, observedNs: BigInt(observed) });
    endings.set(agent_uid, known.add(frame.hash));
  }
}
