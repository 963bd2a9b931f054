import type { MsgHdrs } from "nats";
import type { StoredMsg } from "@nats-io/jetstream";
import type { Envelope, RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { frameHeaders } from "#nervous-system/schemas/subjects.ts";

/** A frame as the stream holds it. */
export type StoredFrame = RecordedFrame & {
  /** Its place in the swarm's one order. */
  readonly streamSeq: number;
  /** When JetStream stored it, Unix nanoseconds. */
  readonly storedNs: bigint;
};

/** A message of the stream that is no frame, with the reason. */
export type PoisonMessage = {
  readonly streamSeq: number;
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly reason: string;
};

/** What one message of the stream turned out to be. */
export type StreamItem =
  | { readonly kind: "frame"; readonly frame: StoredFrame }
  | { readonly kind: "poison"; readonly poison: PoisonMessage };

/** A message of the stream, however it was read. */
export type StreamMessage = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  readonly streamSeq: number;
  readonly storedNs: bigint;
};

const HASH = /^[0-9a-f]{64}$/;

const isEnvelope = (value: unknown): value is Envelope => {
  const { agent_uid, mission_uid, namespace, epoch, seq, observed, event_type, event_id } = (value ?? {}) as Record<
    string,
    unknown
  >;
  const texts = [agent_uid, mission_uid, namespace, observed, event_type, event_id];
  return texts.every((text) => typeof text === "string") && Number.isSafeInteger(epoch) && Number.isSafeInteger(seq);
};

const decodePrincipal = (text: string): { principal?: string } => {
  if (text === "") return {};
  try {
    return { principal: decodeURIComponent(text) };
  } catch {
    return { principal: text }; // not written by us; what it says is all there is
  }
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * Reads a message of stream CONTEXT. The envelope is checked only as far as its reader could stumble over it:
 * the collector verified it against its identity and hash before it was stored.
 */
export const readStreamMessage = (message: StreamMessage): StreamItem => {
  const { streamSeq, storedNs, subject, data } = message;
  const header = (name: string): string => message.headers?.get(name) ?? "";
  const envelopeText = header(frameHeaders.envelope);
  const [prevHash, hash] = [header(frameHeaders.prevHash), header(frameHeaders.hash)];
  const envelope = parse(envelopeText);
  const poison = (reason: string): StreamItem => ({
    kind: "poison",
    poison: { streamSeq, subject, bytes: data, reason },
  });
  if (!isEnvelope(envelope)) return poison(`header ${frameHeaders.envelope} is no envelope`);
  if (!HASH.test(hash) || !HASH.test(prevHash)) return poison("the hash headers are not 64 hex digits");
  return {
    kind: "frame",
    frame: {
      envelope,
      envelopeText,
      bytes: data,
      prevHash,
      hash,
      ...decodePrincipal(header(frameHeaders.principal)),
      streamSeq,
      storedNs,
    },
  };
};

/** The same of a message that was asked for by its subject, without the time at which it was stored. */
export const readStoredMessage = ({ subject, data, header, seq }: StoredMsg): StreamItem =>
  readStreamMessage({ subject, data, headers: header, streamSeq: seq, storedNs: 0n });
