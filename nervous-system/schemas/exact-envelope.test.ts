import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  envelopeText,
  frameFlags,
  parseBySchema,
  parseEnvelope,
  type Envelope,
} from "#nervous-system/schemas/envelope.ts";
import { createExactReader } from "#nervous-system/schemas/exact-envelope.ts";
import { frameTypePattern, producers } from "#nervous-system/schemas/frames/define-frame.ts";

const recorders = ["scribe", "collector", "gateway", "siphon", "supervisor", "operator"] as const;
const readExactly = createExactReader({ producers, recorders, flags: frameFlags, typePattern: frameTypePattern });

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
type Text = (least: number) => fc.Arbitrary<string>;
const anyText: Text = (minLength) => fc.string({ minLength, maxLength: 60, unit: "grapheme" });
const plainText: Text = (least) => fc.stringMatching(/^[ !#-[\]-~]{0,40}$/).map((text) => text || "x".repeat(least));
const anyCount = fc.oneof(fc.nat(), fc.maxSafeNat());

const envelopesOf = (text: Text, count: fc.Arbitrary<number>, seq: fc.Arbitrary<number>): fc.Arbitrary<Envelope> => {
  const name = text(1);
  const required = {
    agent_uid: fc.uuid(),
    mission_uid: fc.uuid(),
    mission: name,
    namespace: name,
    lineage: count,
    producer: fc.constantFrom(...producers),
    recorder: fc.constantFrom(...recorders),
    epoch: fc.nat({ max: 0xffff_ffff }),
    seq,
    observed: fc.bigInt({ min: 0n, max: 10n ** 19n - 1n }).map(String),
    event_type: fc.stringMatching(frameTypePattern),
    event_id: name,
  };
  const optional = {
    persona: text(0),
    persona_digest: hex(64).map((digits) => `sha256:${digits}`),
    trace_id: hex(32),
    span_id: hex(16),
    parent_event_id: name,
    about: fc.record({ agent_uid: fc.uuid(), epoch: count }),
    flags: fc.array(fc.constantFrom(...frameFlags), { maxLength: frameFlags.length }),
  };
  const requiredKeys = Object.keys(required) as Array<keyof typeof required>;
  return fc.record({ ...required, ...optional }, { requiredKeys }) as fc.Arbitrary<Envelope>;
};
const envelopes = envelopesOf(anyText, anyCount, fc.oneof(fc.constant(0), anyCount));
const written = envelopesOf(plainText, fc.nat(), fc.integer({ min: 1, max: 1e14 }));

describe("reading an exact envelope", () => {
  it("says of every envelope what the schema says", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const text = envelopeText(envelope);
        expect(parseEnvelope(text)).toEqual(parseBySchema(text));
      }),
      { numRuns: 500 },
    );
  });

  it("takes what recorders write without asking the schema", () => {
    fc.assert(
      fc.property(written, (envelope) => expect(readExactly(envelopeText(envelope))).toEqual(envelope)),
      { numRuns: 500 },
    );
  });

  it("never takes a changed text for right that the schema refuses", () => {
    const character = fc.oneof(
      fc.constantFrom(...'{}[]":,\\0 \n1a_é'.split("")),
      fc.string({ minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(written, fc.nat(), fc.nat({ max: 2 }), character, (envelope, at, removed, added) => {
        const text = envelopeText(envelope);
        const place = at % text.length;
        const changed = text.slice(0, place) + added + text.slice(place + removed);
        const found = readExactly(changed);
        if (found !== undefined) expect(parseBySchema(changed)).toEqual({ ok: true, envelope: found });
      }),
      { numRuns: 2000 },
    );
  });
});
