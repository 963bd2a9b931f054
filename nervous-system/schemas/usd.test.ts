import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { nanoUsdOf, renderUsd, usdPattern } from "./usd.ts";

describe("dollars", () => {
  it.each([
    ["20", 20_000_000_000, "20.00"],
    ["0.5", 500_000_000, "0.50"],
    ["3.250", 3_250_000_000, "3.25"],
    ["0.000000001", 1, "0.000000001"],
    ["999999.999999999", 999_999_999_999_999, "999999.999999999"],
  ])("reads %s exactly and tells it again", (text, nano, rendered) => {
    expect(usdPattern.test(text)).toBe(true);
    expect(nanoUsdOf(text)).toBe(nano);
    expect(renderUsd(nano)).toBe(rendered);
  });

  it.each(["", "1e3", "-1", "1.", ".5", "1,5", "1000000", "0.0000000001", "Infinity"])("takes no %j", (text) => {
    expect(usdPattern.test(text)).toBe(false);
  });

  it("loses nothing of what it renders", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (nano) => {
        expect(nanoUsdOf(renderUsd(nano))).toBe(nano);
      }),
    );
  });
});
