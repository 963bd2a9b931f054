import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";

describe("gathered bytes", () => {
  it("are what was added, in its order, whatever its pieces", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 5 }),
      fc.nat({ max: 200_000 }).map((n) => Buffer.alloc(n, n)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.nat({ max: 30 }), (pieces, taken) => {
        const gathered = gatherBytes();
        for (const one of pieces.slice(0, taken)) gathered.add(one);
        expect(gathered.take().equals(Buffer.concat(pieces.slice(0, taken)))).toBe(true);
        for (const one of pieces.slice(taken)) gathered.add(one);
        const rest = Buffer.concat(pieces.slice(taken));
        expect(gathered.size).toBe(rest.length);
        expect(gathered.take().equals(rest)).toBe(true);
        expect(gathered.size).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("are copies of small pieces, so that nothing of what these were cut from is held", () => {
    const gathered = gatherBytes();
    const source = Buffer.alloc(1);
    for (let at = 0; at < 200_000; at += 1) {
      source.writeUInt8(at % 251);
      gathered.add(source.subarray(0, 1));
    }
    source.fill(255);
    expect(gathered.take().equals(Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251)))).toBe(true);
  });
});
