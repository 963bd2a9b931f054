import {
  composeFrame,
  positionAfter,
  type ChainPosition,
  type ComposedFrame,
  type RecorderIdentity,
} from "./compose.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";

/** What stands behind a gap, or would: its place, and the hash that it follows, where that is known. */
export type GapEnd = { seq: number; observedNs: bigint; prevHash: string | undefined };

/**
 * GAP frames in the places between `after` and `next`, which cannot be read any more. The last one carries the hash that
 * `next` follows, the true hash of the lost frame: so the chain behind the gap stays bound to the chain before it, and the
 * one frame whose hash does not fit its content is the one that says so. The same gap gives the same frames every time.
 */
export const fillGap = (
  identity: RecorderIdentity,
  after: ChainPosition,
  next: GapEnd,
  why: string,
): ComposedFrame[] => {
  const { epoch } = after;
  const [from, to] = [after.seq + 1, next.seq - 1];
  const payload = { epoch, from, to, why };
  const frames: ComposedFrame[] = [];
  let position = after;
  while (position.seq < to) {
    const frame = composeFrame({
      identity,
      producer: identity.recorder,
      accepted: { ok: true, frame: { event_type: "GAP", payload }, flags: [] },
      eventId: stableId("gap", identity.agent_uid, String(epoch), String(position.seq + 1), next.prevHash ?? ""),
      // Just before `next`, a nanosecond apart: behind whatever was there, and the same whoever asks.
      nowNs: next.observedNs - BigInt(next.seq - position.seq - 1),
      after: position,
    });
    frames.push(frame);
    position = positionAfter(frame);
  }
  const last = frames.at(-1);
  if (last !== undefined && next.prevHash !== undefined) last.hash = next.prevHash;
  return frames;
};
