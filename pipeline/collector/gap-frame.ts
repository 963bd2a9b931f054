import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { envelopeText, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";

/**
 * The GAP that takes the place of a frame which may not be kept. It carries the hash that the refused frame
 * claimed, so that the frames behind it still follow; that its own hash does not fit says what it is. The same
 * refusal gives the same GAP every time.
 */
export const gapInPlaceOf = (refused: RecordedFrame, why: string, prevHash = refused.prevHash): RecordedFrame => {
  const { agent_uid, mission_uid, mission, namespace, lineage, epoch, seq, observed, event_type } = refused.envelope;
  const eventId = stableId("refused", agent_uid, String(epoch), String(seq), refused.hash);
  const envelope: Envelope = {
    agent_uid,
    mission_uid,
    mission,
    namespace,
    lineage,
    producer: "collector",
    recorder: "collector",
    epoch,
    seq,
    observed,
    event_type: "GAP",
    event_id: eventId,
  };
  const produced = {
    event_id: eventId,
    timestamp: renderTimestamp(BigInt(observed)),
    agent_id: "collector",
    event_type: "GAP",
    payload: { epoch, from: seq, to: seq, why, refused_type: event_type },
  };
  return {
    envelope,
    envelopeText: envelopeText(envelope),
    bytes: Buffer.from(JSON.stringify(produced)),
    prevHash,
    hash: refused.hash,
    ...(refused.principal === undefined ? {} : { principal: refused.principal }),
  };
};
