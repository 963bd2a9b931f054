import { describe, expect, it } from "@jest/globals";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { durationPattern, operatorSettings } from "./settings.ts";

describe("durationPattern", () => {
  it.each(["30s", "1m30s", "500ms", "2h", "1m500ms"])("takes %s", (text) => {
    expect(durationPattern.test(text)).toBe(true);
  });

  it.each(["", "30", "s", "1.5s", "-1s", "1d"])("does not take %p for a duration", (text) => {
    expect(durationPattern.test(text)).toBe(false);
  });
});

describe("the namespaces that run missions", () => {
  const tenants = operatorSettings.pick({ ENCHANTED_TENANTS: true });
  const read = (given: string) => parseConfig(tenants, { ENCHANTED_TENANTS: given });

  it.each([
    ["", []],
    ["default", ["default"]],
    ["red,blue,red", ["red", "blue"]],
  ])("are read from %p", (given, expected) => {
    expect(read(given)).toMatchObject({ value: { ENCHANTED_TENANTS: expected } });
  });

  it.each([",", "red,", "red blue", "*", "Red"])("are none in %p", (given) => {
    expect(read(given).kind).toBe("invalid");
  });
});
