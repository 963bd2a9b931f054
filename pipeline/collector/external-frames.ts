import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Redactor } from "#nervous-system/recorder/redact.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import { envelopeText, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { maxFrameBytes, parseFrame, type ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { noMission, externalMission } from "#nervous-system/schemas/ids.ts";
import { asProducer, type TelemetryEvent } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import type { Caller } from "./caller.ts";
import { hasRight } from "./verify-frame.ts";

/** An external client's telemetry as a frame of no chain, or why it is none. */
export type ExternalResult =
  | { readonly kind: "frame"; readonly frame: RecordedFrame }
  | { readonly kind: "refused"; readonly reason: string; readonly id: string; readonly bytes: Buffer };

/** Makes the frame of what an external client's program told. */
export type ComposeExternalFrame = (told: TelemetryEvent, caller: Caller) => ExternalResult;

/** What making frames of telemetry needs. */
export type ExternalFramesOptions = { readonly clock: Pick<Clock, "nowNs">; readonly redactor: Redactor };

const MAX_NAME_CHARS = 128;

// What a span tells of a call of a model is hearsay, written under the collector's own name: the gateway saw nothing of it.
const producerOf = (type: string): Producer => (type === "MODEL_CALL" ? "collector" : "agent");

type Stamps = Pick<Envelope, "producer" | "event_type" | "event_id" | "flags" | "about"> & { observedNs: bigint };

const envelopeOf = (caller: Caller, { observedNs, ...stamps }: Stamps, trace?: TelemetryEvent["trace"]): Envelope => ({
  agent_uid: caller.agentUid,
  mission_uid: noMission,
  mission: externalMission,
  namespace: caller.namespace,
  lineage: 0,
  recorder: "collector",
  epoch: 0,
  seq: 0,
  observed: observedNs.toString(),
  ...stamps,
  ...(trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId }),
});

const bytesOf = (frame: ProducedFrame, caller: Caller, observedNs: bigint): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...frame,
      timestamp: frame.timestamp ?? renderTimestamp(observedNs),
      agent_id: frame.agent_id ?? caller.principal?.slice(0, MAX_NAME_CHARS),
    }),
  );

const seal = (envelope: Envelope, bytes: Buffer, principal: string | undefined): RecordedFrame => {
  const text = envelopeText(envelope);
  const observedNs = BigInt(envelope.observed);
  const place = { agentUid: envelope.agent_uid, epoch: 0, seq: 0, prevHash: zeroHash };
  const hash = chainHash({ ...place, observedNs, envelopeText: text, bytes });
  return { envelope, envelopeText: text, bytes, prevHash: zeroHash, hash, principal };
};

/** What somebody ordered to be erased, as a frame of his that no chain holds. */
export type ComposeErasure = (order: {
  readonly eventId: string;
  readonly payload: Readonly<Record<string, unknown>> & NonNullable<Envelope["about"]> & { readonly reason: string };
  readonly caller: Caller;
}) => RecordedFrame;

/** Creates the maker of ERASURE frames, which nobody but the collector writes: for whom it was, their `principal` says. */
export const createErasures =
  ({ clock, redactor }: ExternalFramesOptions): ComposeErasure =>
  ({ eventId: event_id, payload, caller }) => {
    const event_type = "ERASURE";
    const by = caller.principal ?? "";
    // Nothing but what somebody wrote: an id that looks like a token is still what the frame is found by.
    const said = redactor.redact({ event_type, payload: { reason: payload.reason } });
    const frame = { event_id, event_type, payload: { ...payload, by, ...said.frame.payload } };
    const observedNs = clock.nowNs();
    const envelope = envelopeOf(caller, {
      producer: "collector",
      event_type,
      event_id,
      observedNs,
      about: { agent_uid: payload.agent_uid, epoch: payload.epoch },
      ...(said.withheld ? { flags: ["withheld"] } : {}),
    });
    return seal(envelope, bytesOf(frame, caller, observedNs), caller.principal);
  };

/** Creates the maker of frames of no chain: epoch 0, seq 0, known by their owner and their event id. */
export const createExternalFrames =
  ({ clock, redactor }: ExternalFramesOptions): ComposeExternalFrame =>
  (given, caller) => {
    const told = asProducer(given, producerOf(given.frame.event_type));
    const refused = (reason: string): ExternalResult => {
      const bytes = Buffer.from(JSON.stringify(told.frame)).subarray(0, maxFrameBytes);
      return { kind: "refused", reason, id: told.frame.event_id, bytes };
    };
    const parsed = parseFrame(told.frame);
    if (!parsed.ok) return refused(parsed.reason);
    const { frame, withheld } = redactor.redact(parsed.frame);
    const { event_type } = frame;
    const producer = producerOf(event_type);
    if (producer === "agent" && !hasRight(caller, producer, event_type))
      return refused(`an external client may not write ${event_type}`);
    const observedNs = clock.nowNs();
    const bytes = bytesOf(frame, caller, observedNs);
    if (bytes.length > maxFrameBytes)
      return refused(`the frame has ${bytes.length} bytes, at most ${maxFrameBytes} are kept`);
    const flags = [...parsed.flags, ...(withheld ? (["withheld"] as const) : [])];
    const stamps = { producer, event_type, event_id: frame.event_id ?? told.frame.event_id, observedNs };
    const envelope = envelopeOf(caller, { ...stamps, ...(flags.length === 0 ? {} : { flags }) }, told.trace);
    return { kind: "frame", frame: seal(envelope, bytes, caller.principal) };
  };
