import { describe, expect, it } from "@jest/globals";
import { createSpending, type Spent } from "#pipeline/gateway/spending.ts";
import { aMission } from "#test/builders/mission.ts";

const call: Spent = { inputTokens: 10, outputTokens: 5, nanoUsd: 250_000_000 };

describe("spending", () => {
  const told = (inputTokens: number, costUSD?: string, name = "fix-bug") =>
    aMission({ metadata: { name }, status: { usage: { frames: 3, inputTokens, outputTokens: 1, costUSD } } });

  it("adds calls to what the status said before them, and goes by the status once that knows more", () => {
    const spending = createSpending(10);
    expect(spending.usedBy(told(100, "1.5"))).toEqual({
      frames: 3,
      inputTokens: 100,
      outputTokens: 1,
      costUSD: "1.50",
    });
    spending.note(told(100, "1.5"), call);
    spending.note(told(100, "1.5"), call);
    expect(spending.usedBy(told(100, "1.5"))).toMatchObject({ inputTokens: 120, outputTokens: 11, costUSD: "2.00" });
    // Of this gateway's two calls the status holds one, and then both and another gateway's.
    expect(spending.usedBy(told(110, "1.75"))).toMatchObject({ inputTokens: 120, costUSD: "2.00" });
    expect(spending.usedBy(told(500, "9"))).toMatchObject({ inputTokens: 500, costUSD: "9.00" });
  });

  it("keeps missions apart, and no more of them than it may", () => {
    const spending = createSpending(1);
    const [a, b] = [told(1, undefined, "a"), told(1, undefined, "b")].map((mission, n) => ({
      ...mission,
      metadata: { ...mission.metadata, uid: `uid-${n}` },
    }));
    spending.note(a!, call);
    spending.note(b!, call);
    expect(spending.usedBy(b!)).toMatchObject({ inputTokens: 11 });
    expect(spending.usedBy(a!)).toMatchObject({ inputTokens: 1 });
  });
});
