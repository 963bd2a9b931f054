import { describe, expect, it } from "@jest/globals";
import { nanoUsdOfExchange } from "./cost.ts";

const pricing = { inputPerMTok: "3", cachedInputPerMTok: "0.3", outputPerMTok: "15" };

describe("nanoUsdOfExchange", () => {
  it.each([
    [{}, 0],
    [{ inputTokens: 1_000_000 }, 3_000_000_000],
    [{ inputTokens: 1_000, cachedTokens: 400, outputTokens: 10 }, 600 * 3_000 + 400 * 300 + 10 * 15_000],
    // A provider that counts what came from its cache beside what was sent.
    [{ inputTokens: 10, cachedTokens: 400 }, 10 * 300],
  ])("prices %j", (counted, nano) => {
    expect(nanoUsdOfExchange(pricing, counted)).toBe(nano);
  });

  it("prices what came from a cache as everything sent where it has no price of its own", () => {
    expect(nanoUsdOfExchange({ inputPerMTok: "2", outputPerMTok: "0" }, { inputTokens: 5, cachedTokens: 5 })).toBe(
      10_000,
    );
  });

  it("rounds once, and ends where numbers do", () => {
    const cheap = { inputPerMTok: "0.000000001", outputPerMTok: "0.000000001" };
    expect(nanoUsdOfExchange(cheap, { inputTokens: 300_000, outputTokens: 200_000 })).toBe(1);
    const most = Number.MAX_SAFE_INTEGER;
    expect(nanoUsdOfExchange(pricing, { inputTokens: most, outputTokens: most })).toBe(most);
  });
});
