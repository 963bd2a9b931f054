import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { chainHash, zeroHash, type ChainedFrame } from "#nervous-system/schemas/chain.ts";
import { verifyChain } from "#test/builders/chain.ts";

const agentUid = "01890a5d-ac96-774b-bcce-b302099a8057";

const chainOf = (payloads: readonly string[]): ChainedFrame[] => {
  let prevHash = zeroHash;
  return payloads.map((payload, index) => {
    const link = {
      agentUid,
      epoch: 3,
      seq: index + 1,
      prevHash,
      observedNs: 1_000n + BigInt(index),
      envelopeText: `{"seq":${index + 1}}`,
      bytes: Buffer.from(payload),
    };
    const hash = chainHash(link);
    prevHash = hash;
    return { ...link, hash };
  });
};

describe("the hash of a frame", () => {
  it("is the digest of its parts in the order of the specification", () => {
    const sha = (data: string | Buffer): Buffer => createHash("sha256").update(data).digest();
    const parts = Buffer.concat([
      Buffer.from("01890a5dac96774bbcceb302099a8057", "hex"),
      Buffer.from("00000003", "hex"),
      Buffer.from("0000000000000001", "hex"),
      Buffer.alloc(32),
      Buffer.from("00000000000003e8", "hex"),
      sha('{"seq":1}'),
      sha('{"a":1.0}'),
    ]);
    expect(chainOf(['{"a":1.0}'])[0]?.hash).toBe(sha(parts).toString("hex"));
  });
});

describe("verifying a chain", () => {
  const payloads = fc.array(fc.string(), { minLength: 1, maxLength: 8 });

  it("accepts every chain that was written", () => {
    fc.assert(fc.property(payloads, (list) => expect(verifyChain(chainOf(list))).toBeUndefined()));
  });

  it("names the first frame whose bytes were changed", () => {
    fc.assert(
      fc.property(payloads, fc.nat(), (list, pick) => {
        const chain = chainOf(list);
        const at = pick % chain.length;
        const changed = chain.map((frame, index) =>
          index === at ? { ...frame, bytes: Buffer.concat([frame.bytes, Buffer.from("!")]) } : frame,
        );
        expect(verifyChain(changed)).toMatchObject({ seq: at + 1, why: "hash does not fit the frame" });
      }),
    );
  });

  it("names the place where a frame was taken out", () => {
    const [first, , third] = chainOf(["a", "b", "c"]);
    expect(first && third && verifyChain([first, third])).toEqual({ epoch: 3, seq: 3, why: "expected seq 2" });
  });

  it("refuses a chain that does not resume where it should", () => {
    expect(verifyChain(chainOf(["a"]), "f".repeat(64))?.why).toMatch(/prev_hash/);
  });
});
