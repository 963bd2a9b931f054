import { composeFrame, positionAfter, type ChainPosition, type ComposedFrame } from "./compose.ts";
import type { RecorderIdentity } from "./identity.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";

/**
 * GAP frames in the places between `after` and `next`, which cannot be read any more. The last one carries the hash that
 * `next` follows, the true hash of the lost frame: so the chain behind the gap stays bound to the chain before it, and the
 * one frame whose hash does not fit its content is the one that says so. The same gap gives the same frames every time.
 */
export const fillGap = (
  identity: RecorderIdentity,
  after: ChainPosition,
  next: ComposedFrame,
  why: string,
): ComposedFrame[] => {
  const { epoch } = after;
  const [from, to] = [after.seq + 1, next.envelope.seq - 1];
  const payload = { epoch, from, to, why };
  const frames: ComposedFrame[] = [];
  let position = after;
  while (position.seq < to) {
    const frame = composeFrame({
      identity,
      producer: identity.recorder,
      accepted: { ok: true, frame: { event_type: "GAP", payload }, flags: [] },
      eventId: stableId("gap", identity.agent_uid, String(epoch), String(position.seq + 1), next.hash),
      nowNs: position.observedNs === 0n ? BigInt(next.envelope.observed) : position.observedNs + 1n,
      after: position,
    });
    frames.push(frame);
    position = positionAfter(frame);
  }
  const last = frames.at(-1);
  if (last !== undefined) last.hash = next.prevHash;
  return frames;
};
