import { describe, expect, it } from "@jest/globals";
import { durationMs } from "./duration.ts";

describe("durationMs", () => {
  it.each([
    ["30s", 30_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["2h", 7_200_000],
    ["1m500ms", 60_500],
    ["7d", 604_800_000],
  ])("reads %s", (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });
});
