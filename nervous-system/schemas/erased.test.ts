import { hash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import { erase, erasedDigest } from "#nervous-system/schemas/erased.ts";

describe("an erased frame", () => {
  const link = {
    agentUid: "22222222-0000-4000-8000-000000000001",
    epoch: 1,
    seq: 7,
    prevHash: zeroHash,
    observedNs: 5n,
    envelopeText: "{}",
  };

  it("keeps the hash of what it was, whatever that was", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const left = erase(bytes);
        expect(erasedDigest(left)).toBe(erasedDigest(bytes) ?? hash("sha256", bytes, "hex"));
        expect(chainHash({ ...link, bytes: left, erased: erasedDigest(left) })).toBe(chainHash({ ...link, bytes }));
      }),
    );
  });

  it("stays as it is when it is erased again", () => {
    const once = erase(Buffer.from('{"event_type":"THOUGHT"}'));
    expect(erase(once)).toBe(once);
  });

  it.each([
    "",
    "{}",
    `{"erased":"${"g".repeat(64)}"}`,
    `{"erased":"${"A".repeat(64)}"}`,
    `{"erased":"${"a".repeat(63)}"}`,
    `{"erased":"${"a".repeat(64)}"} `,
    `{"erased": "${"a".repeat(63)}"}`,
    `{"eraser":"${"a".repeat(64)}"}`,
  ])("is not what only looks like it: %s", (text) => {
    expect(erasedDigest(Buffer.from(text))).toBeUndefined();
  });
});
