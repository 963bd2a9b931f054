import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { encodeFile } from "#pipeline/siphon/archive/encode-file.ts";
import { readFile } from "./read-file.ts";

const int = fc.maxSafeInteger();
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const word = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "\ud800", "\u0000", "𝄞"));

/** Envelopes as the stream's reader lets them pass: checked in a few members only. */
const envelope = fc.record(
  {
    agent_uid: word,
    mission_uid: word,
    namespace: word,
    observed: fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }).map(String),
    event_type: word,
    event_id: word,
    epoch: int,
    seq: int,
    mission: fc.oneof(word, fc.integer(), fc.constant(null)),
    flags: fc.jsonValue(),
  },
  { requiredKeys: ["agent_uid", "mission_uid", "namespace", "observed", "event_type", "event_id", "epoch", "seq"] },
);

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
);

/** Text as it comes out of protobuf is well-formed, and so is what is made of it. */
const frames: fc.Arbitrary<StoredFrame[]> = fc
  .array(
    fc.record({
      envelopeText: envelope.map((value) => ` ${JSON.stringify(value)}`),
      bytes,
      prevHash: hash,
      hash,
      place: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
      storedNs: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      principal: fc.option(fc.string({ unit: "grapheme", minLength: 1 }), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((all) => all.map((one) => ({ ...one, envelope: JSON.parse(one.envelopeText) as Envelope })));

const plain = (all: readonly StoredFrame[]) =>
  all.map(({ bytes: given, principal, storedNs, ...rest }) => ({
    ...rest,
    bytes: Buffer.from(given).toString("hex"),
    principal: principal ?? "",
    storedNs: String(storedNs),
  }));

const cut = { stream: "s", from: 1, to: 2, hash: "h" };

describe("a file of the archive", () => {
  it("gives back every frame bit for bit, whatever stands in it", async () => {
    await fc.assert(
      fc.asyncProperty(frames, async (given) => {
        const file = encodeFile({ cut, frames: given });
        const { cut: own, frames: read } = await readFile(file);
        expect([own, plain(read)]).toEqual([cut, plain(given)]);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("is the same file where the same batch is written again", async () => {
    const [one] = fc.sample(frames, { numRuns: 1, seed: 7 });
    const many = Array.from({ length: 2000 }, (_, n) => ({ ...one![0]!, place: n }));
    const [first, second] = [encodeFile({ cut, frames: many }), encodeFile({ cut, frames: many })];
    expect(Buffer.compare(first, second)).toBe(0);
    expect((await readFile(first)).frames.map(({ place }) => place)).toEqual(many.map(({ place }) => place));
  }, 60_000);

  it("is refused where it is none, or was cut", async () => {
    const [given] = fc.sample(frames, { numRuns: 1, seed: 7 });
    const file = encodeFile({ cut, frames: given! });
    await expect(readFile(file.subarray(0, file.length - 20))).rejects.toThrow(/parquet/);
    await expect(readFile(Buffer.from("nothing of the kind"))).rejects.toThrow(/parquet/);
  });
});
