import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { emptyTail } from "./chain-plan.ts";
import { cutBatches, maxBatchBytes, maxBatchChunks, renderBatch } from "./batch.ts";
import type { Chunk } from "./chunk.ts";

const prepared = (bytes: number, chain = "a", seq = 1): Chunk => ({
  frames: [{ envelope: { agent_uid: chain, epoch: 1, seq } } as unknown as RecordedFrame],
  key: `${chain}/1`,
  message: { subject: "s", data: { length: bytes } as Uint8Array, headerLines: "H: v\r\n" },
});

describe("cutBatches", () => {
  it("loses nothing, keeps the order, and exceeds neither bound but by a single frame", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 2 * maxBatchBytes }), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.nat(2500), (some, small) => {
        const frames = [...some, ...Array.from({ length: small }, () => 10)].map((bytes) => prepared(bytes));
        const batches = cutBatches(frames);
        expect(batches.flat()).toEqual(frames);
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(maxBatchChunks);
          const bytes = batch.reduce((sum, frame) => sum + frame.message.data.length, 0);
          expect(batch.length === 1 || bytes <= maxBatchBytes).toBe(true);
        }
      }),
    );
  });
});

describe("renderBatch", () => {
  it("states on the first message of each chain, and only there, what it continues", () => {
    const frames = [prepared(1, "a"), prepared(1, "b"), prepared(1, "a"), prepared(1, "b")];
    const lines = renderBatch(frames, (key) => ({ ...emptyTail, streamSeq: key === "a/1" ? 7 : 0 })).map(
      ({ headerLines }) => headerLines,
    );
    expect(lines).toEqual([
      "H: v\r\nNats-Expected-Last-Subject-Sequence: 7\r\nNats-Expected-Last-Subject-Sequence-Subject: context.*.*.*.a.1.*\r\n",
      "H: v\r\nNats-Expected-Last-Subject-Sequence: 0\r\nNats-Expected-Last-Subject-Sequence-Subject: context.*.*.*.b.1.*\r\n",
      "H: v\r\n",
      "H: v\r\n",
    ]);
  });
});
