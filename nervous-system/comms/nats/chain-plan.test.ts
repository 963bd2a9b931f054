import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { emptyTail, planChains, type ChainTail } from "./chain-plan.ts";

// A chain as the plan sees it: seq n follows n - 1, and hashes say which chain it is.
const link = (chain: string, seq: number, fork = ""): RecordedFrame =>
  ({
    envelope: { agent_uid: chain, epoch: 1, seq },
    hash: `${chain}${seq}${fork}`,
    prevHash: seq === 1 ? emptyTail.hash : `${chain}${seq - 1}`,
  }) as unknown as RecordedFrame;

const tailAt = (chain: string, seq: number): ChainTail =>
  seq === 0 ? emptyTail : { seq, hash: `${chain}${seq}`, streamSeq: seq };

const kindsOf = (tail: number, frames: readonly RecordedFrame[]): string[] =>
  planChains(new Map([["a/1", tailAt("a", tail)]]), frames).results.map(({ kind }) => kind);

describe("planChains", () => {
  it("continues a chain, skips what is stored, waits for what is missing", () => {
    expect(kindsOf(0, [link("a", 1), link("a", 2)])).toEqual(["stored", "stored"]);
    expect(kindsOf(2, [link("a", 1), link("a", 2), link("a", 3)])).toEqual(["duplicate", "duplicate", "stored"]);
    expect(kindsOf(2, [link("a", 4), link("a", 5)])).toEqual(["missing", "missing"]);
  });

  it("names a frame that contradicts the stored one in its place, or before it", () => {
    expect(kindsOf(2, [link("a", 2, "x")])).toEqual(["fork"]);
    const broken = { ...link("a", 3), prevHash: "other" };
    const { results } = planChains(new Map([["a/1", tailAt("a", 2)]]), [broken, link("a", 4)]);
    expect(results).toEqual([
      { kind: "fork", why: "prev_hash is not the hash of the stored seq 2", follows: "a2" },
      { kind: "missing", expected: 3 },
    ]);
  });

  it("publishes from any mixture exactly the frames that extend each chain, once and in order", () => {
    const sent = fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 1, max: 8 })), { maxLength: 30 });
    fc.assert(
      fc.property(sent, fc.nat(4), fc.nat(4), (frames, tailA, tailB) => {
        const tails = { a: tailA, b: tailB };
        const links = frames.map(([chain, seq]) => link(chain, seq));
        const known = new Map(Object.entries(tails).map(([chain, seq]) => [`${chain}/1`, tailAt(chain, seq)]));
        const { publish, results } = planChains(known, links);
        // The model: a counter a chain, moved by the frame that is next.
        const expected = frames.map(([chain, seq]) => {
          const at = chain;
          if (seq <= tails[at]) return "duplicate";
          if (seq > tails[at] + 1) return "missing";
          tails[at] = seq;
          return "stored";
        });
        expect(results.map(({ kind }) => kind)).toEqual(expected);
        expect(publish).toEqual(expected.flatMap((kind, index) => (kind === "stored" ? [index] : [])));
      }),
    );
  });
});
