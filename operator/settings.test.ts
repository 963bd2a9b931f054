import { describe, expect, it } from "@jest/globals";
import { durationMs, durationPattern } from "./settings.ts";

describe("durationMs", () => {
  it.each([
    ["30s", 30_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["2h", 7_200_000],
    ["1m500ms", 60_500],
  ])("reads %s", (text, ms) => {
    expect(durationPattern.test(text)).toBe(true);
    expect(durationMs(text)).toBe(ms);
  });

  it.each(["", "30", "s", "1.5s", "-1s", "1d"])("does not take %p for a duration", (text) => {
    expect(durationPattern.test(text)).toBe(false);
  });
});
