import { describe, expect, it } from "@jest/globals";
import { durationPattern } from "./settings.ts";

describe("durationPattern", () => {
  it.each(["30s", "1m30s", "500ms", "2h", "1m500ms"])("takes %s", (text) => {
    expect(durationPattern.test(text)).toBe(true);
  });

  it.each(["", "30", "s", "1.5s", "-1s", "1d"])("does not take %p for a duration", (text) => {
    expect(durationPattern.test(text)).toBe(false);
  });
});
