import { chainHash } from "#nervous-system/schemas/chain.ts";
import { envelopeText, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import type { Accepted } from "./read-input.ts";
import { parseTimestampNs, renderTimestamp } from "#nervous-system/schemas/timestamp.ts";

/** Whose chain a recorder writes: the stamps that are the same on every frame. */
export type RecorderIdentity = Pick<
  Envelope,
  "agent_uid" | "mission_uid" | "mission" | "namespace" | "lineage" | "recorder" | "persona" | "persona_digest"
> & {
  /** Name that frames without an `agent_id` get. */
  agentId: string;
};

/** What one frame says differently from the recorder's identity: a component writes about many missions. */
export type FrameSubject = Partial<
  Pick<Envelope, "mission_uid" | "mission" | "namespace" | "lineage" | "persona" | "persona_digest" | "about">
>;

/** A frame with the time that its producer claims, Unix nanoseconds. */
export type ComposedFrame = RecordedFrame & { claimedNs: bigint };

/** Where the chain stands: the frame before the one to come. */
export type ChainPosition = { epoch: number; seq: number; hash: string; observedNs: bigint };

/** What a frame is composed of. */
export type Composition = {
  identity: RecorderIdentity;
  producer: Producer;
  accepted: Accepted;
  subject?: FrameSubject | undefined;
  trace?: TraceIds | undefined;
  /** Used when the producer gave none. */
  eventId: string;
  nowNs: bigint;
  after: ChainPosition;
};

const SKEW_NS = 60_000_000_000n;

const isSkewed = (claimedNs: bigint, observedNs: bigint): boolean => {
  const difference = claimedNs - observedNs;
  return difference > SKEW_NS || difference < -SKEW_NS;
};

const traceStamps = (ids: TraceIds | undefined): Pick<Envelope, "trace_id" | "span_id"> =>
  ids === undefined ? {} : { trace_id: ids.traceId, span_id: ids.spanId };

const stampsOf = ({
  identity,
  subject,
}: Composition): Omit<Envelope, "producer" | "epoch" | "seq" | "observed" | "event_type" | "event_id"> => {
  const { agentId: _name, ...stamps } = identity;
  return { ...stamps, ...subject };
};

/** The producer's part as it is kept for ever: its words, and the stamps that it left out. */
const bytesOf = (composition: Composition, observedNs: bigint): Buffer => {
  const { frame } = composition.accepted;
  const whole = {
    event_id: frame.event_id ?? composition.eventId,
    timestamp: frame.timestamp ?? renderTimestamp(observedNs),
    agent_id: frame.agent_id ?? composition.identity.agentId,
    event_type: frame.event_type,
    ...(frame.related_commit_hash === undefined ? {} : { related_commit_hash: frame.related_commit_hash }),
    payload: frame.payload,
  };
  return Buffer.from(JSON.stringify(whole));
};

/** Makes the next frame of a chain: bytes once, envelope, hash. */
export const composeFrame = (composition: Composition): ComposedFrame => {
  const { accepted, after, producer } = composition;
  const observedNs = composition.nowNs > after.observedNs ? composition.nowNs : after.observedNs + 1n;
  const { frame, parentEventId } = accepted;
  const claimedNs = (frame.timestamp === undefined ? undefined : parseTimestampNs(frame.timestamp)) ?? observedNs;
  const flags: NonNullable<Envelope["flags"]> = [...accepted.flags];
  if (isSkewed(claimedNs, observedNs)) flags.push("clock_skew");
  const envelope: Envelope = {
    ...stampsOf(composition),
    ...traceStamps(composition.trace ?? accepted.trace),
    ...(parentEventId === undefined ? {} : { parent_event_id: parentEventId }),
    ...(flags.length === 0 ? {} : { flags }),
    producer,
    epoch: after.epoch,
    seq: after.seq + 1,
    observed: observedNs.toString(),
    event_type: frame.event_type,
    event_id: frame.event_id ?? composition.eventId,
  };
  const text = envelopeText(envelope);
  const bytes = bytesOf(composition, observedNs);
  const hash = chainHash({
    agentUid: envelope.agent_uid,
    epoch: envelope.epoch,
    seq: envelope.seq,
    prevHash: after.hash,
    observedNs,
    envelopeText: text,
    bytes,
  });
  return { envelope, envelopeText: text, bytes, prevHash: after.hash, hash, claimedNs };
};

/** Where the chain stands behind `frame`. */
export const positionAfter = (frame: RecordedFrame): ChainPosition => ({
  epoch: frame.envelope.epoch,
  seq: frame.envelope.seq,
  hash: frame.hash,
  observedNs: BigInt(frame.envelope.observed),
});
