import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { emptyMission, type UsageFold } from "#nervous-system/fold/state.ts";
import { usageSchema, type Usage } from "#nervous-system/schemas/resources/status-parts.ts";
import { nanoUsdOf } from "#nervous-system/schemas/usd.ts";
import { usageAfter } from "#operator/status/fields.ts";

const [first, second] = ["2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z"];

const used = (frames: number, inputTokens: number, nanoUsd?: number): UsageFold => ({
  ...emptyMission("m").usage,
  frames,
  inputTokens,
  ...(nanoUsd === undefined ? {} : { nanoUsd }),
});

describe("usage as it is told next", () => {
  const told = usageAfter(undefined, used(1_000, 9_000_000, 19_500_000_000), first);

  it("is what was folded of the stream", () => {
    expect(told).toMatchObject({ frames: 1_000, inputTokens: 9_000_000, costUSD: "19.50", stream: first });
    expect(usageAfter(told, undefined, second)).toBe(told);
  });

  it("falls in no member, whichever of them the fold has more of", () => {
    expect(usageAfter(told, used(1_001, 5_000, 100_000_000), first)).toMatchObject({
      frames: 1_001,
      inputTokens: 9_000_000,
      costUSD: "19.50",
    });
    expect(usageAfter(told, used(1, 9_000_001), first)).toMatchObject({ frames: 1_000, inputTokens: 9_000_001 });
  });

  it("counts on from what was told where the stream was made anew, and over restarts of the operator", () => {
    const after = usageAfter(told, used(2, 500, 250_000_000), second);
    expect(after).toMatchObject({ frames: 1_002, inputTokens: 9_000_500, costUSD: "19.75", stream: second });
    // It reads the new stream from the beginning.
    expect(usageAfter(after, used(1, 100), second)).toMatchObject({ frames: 1_002, inputTokens: 9_000_500 });
    expect(usageAfter(after, used(3, 700, 300_000_000), second)).toMatchObject({
      frames: 1_003,
      inputTokens: 9_000_700,
      costUSD: "19.80",
    });
  });

  it("stays told of the stream that it was, while none has been read", () => {
    expect(usageAfter(told, used(2, 2), undefined)).toEqual(told);
  });

  it("is the sum over all streams, however often each is read anew", () => {
    const calls = fc.array(fc.record({ tokens: fc.nat(1_000), rereads: fc.boolean() }), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(calls, { maxLength: 4 }), (streams) => {
        let usage: Usage | undefined;
        let total = 0;
        for (const [number, spent] of streams.entries()) {
          const stream = `2026-12-0${number + 1}T00:00:00Z`;
          let inputTokens = 0;
          for (const [frames, { tokens, rereads }] of spent.entries()) {
            if (rereads) usage = usageAfter(usage, used(1, spent[0]?.tokens ?? 0, spent[0]?.tokens ?? 0), stream);
            inputTokens += tokens;
            total += tokens;
            usage = usageAfter(usage, used(frames + 1, inputTokens, inputTokens), stream);
            expect(usage?.inputTokens).toBe(total);
            expect(nanoUsdOf(usage?.costUSD ?? "0")).toBe(total);
          }
        }
        if (usage !== undefined) expect(usageSchema.parse(JSON.parse(JSON.stringify(usage)))).toBeDefined();
      }),
    );
  });
});
