import canonicalize from "canonicalize";
import * as z from "zod";
import { createExactReader } from "#nervous-system/schemas/exact-envelope.ts";
import { frameTypePattern, producers } from "#nervous-system/schemas/frames/define-frame.ts";

/** What the recorder may remark about a frame. */
export const frameFlags = ["clock_skew", "payload_invalid", "late", "unknown_type", "withheld"] as const;

const recorders = ["scribe", "collector", "gateway", "siphon", "supervisor", "operator"] as const;
const uid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
const name = z.string().min(1).max(253);
const counter = z.number().int().min(0);
const MAX_UINT32 = 0xffff_ffff;
const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;

/**
 * What the recorder stamps on a frame, never taken from its producer. It travels as its RFC 8785 text, which is part of
 * the hash; `(agent_uid, epoch, seq)` is the key of the frame in every store.
 */
const envelopeSchema = z
  .strictObject({
    agent_uid: uid,
    mission_uid: uid,
    mission: name,
    namespace: name,
    /** 0 until the first rewind. */
    lineage: counter.max(MAX_UINT32),
    producer: z.enum(producers),
    /** Who gave the sequence number: `scribe`, `collector`, or the component that embeds the recorder. */
    recorder: z.enum(recorders),
    /** Attempt of the agent, or starts of a component. */
    epoch: counter.max(MAX_UINT32),
    /** Gap-free from 1 in each epoch; 0 on an external client's frame, which belongs to no chain and is known by `event_id`. */
    seq: counter,
    /** Recorder's time, Unix nanoseconds as a decimal string, strictly increasing within an epoch. */
    observed: z
      .string()
      .regex(/^(0|[1-9][0-9]{0,19})$/)
      .refine((ns) => BigInt(ns) <= MAX_UINT64, "is no 64-bit number"),
    event_type: z.string().regex(frameTypePattern),
    event_id: z.string().min(1).max(128),
    persona: z.string().max(253).optional(),
    /** Digest of the prompt that the persona had, as its agent was told it. */
    persona_digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/)
      .optional(),
    trace_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .optional(),
    span_id: z
      .string()
      .regex(/^[0-9a-f]{16}$/)
      .optional(),
    /** The frame that caused this one. */
    parent_event_id: z.string().min(1).max(128).optional(),
    /** The agent concerned, when the chain belongs to a component. */
    about: z.strictObject({ agent_uid: uid, epoch: counter.max(MAX_UINT32) }).optional(),
    flags: z.array(z.enum(frameFlags)).max(frameFlags.length).optional(),
  })
  .refine(({ seq, epoch, recorder }) => seq > 0 || (epoch === 0 && recorder === "collector"), {
    path: ["seq"],
    message: "only a frame that no chain holds has seq 0",
  });

/** See `envelopeSchema`. */
export type Envelope = z.infer<typeof envelopeSchema>;

/** The exact text of an envelope that is hashed and travels: RFC 8785 JSON. */
export const envelopeText = (envelope: Envelope): string => {
  const text = canonicalize(envelope);
  if (text === undefined) throw new Error("an envelope is always an object");
  return text;
};

/** The same of any envelope; undefined where there is none, as of half a surrogate pair. */
const canonicalText = (envelope: Envelope): string | undefined => {
  try {
    return envelopeText(envelope);
  } catch {
    return undefined;
  }
};

/** A parsed envelope, or why the text is none. */
export type ParsedEnvelope = { ok: true; envelope: Envelope } | { ok: false; reason: string };

const readExactly = createExactReader({ producers, recorders, flags: frameFlags, typePattern: frameTypePattern });

/** Reads the text of an envelope; anything but its exact RFC 8785 form is refused, since the hash covers the text. */
export const parseEnvelope = (text: string): ParsedEnvelope => {
  const exact = readExactly(text);
  return exact === undefined ? parseBySchema(text) : { ok: true, envelope: exact };
};

/** The same by the schema, slower, which tells what is wrong. */
export const parseBySchema = (text: string): ParsedEnvelope => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: "the envelope is not JSON" };
  }
  const parsed = envelopeSchema.safeParse(value);
  if (!parsed.success) return { ok: false, reason: `the envelope is invalid: ${z.prettifyError(parsed.error)}` };
  if (canonicalText(parsed.data) !== text) return { ok: false, reason: "the envelope is not in RFC 8785 form" };
  return { ok: true, envelope: parsed.data };
};

/** A frame as it travels and is kept: the producer's bytes, the recorder's envelope, and their place in the chain. */
export type RecordedFrame = {
  envelope: Envelope;
  /** `envelopeText(envelope)`. */
  envelopeText: string;
  /** UTF-8 JSON of the producer's part, made once, never re-encoded. */
  bytes: Uint8Array;
  /** 64 hex digits. */
  prevHash: string;
  /** 64 hex digits. */
  hash: string;
  /** User who sent it, where that was no pod of an agent and no component; the hash does not cover it. */
  principal?: string | undefined;
  /** The OTLP LogRecord that it came as, without tag and length; the hash does not cover it. */
  record?: Uint8Array | undefined;
};
