import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { chartValues } from "#platform/gen/chart-values.ts";

describe("the chart's default values", () => {
  it("are values, all of them, and nothing else", () => {
    const defaults: unknown = parse(readFileSync("charts/enchanted-swarm/values.yaml", "utf8"));
    expect(chartValues.parse(defaults)).toEqual(defaults);
  });
});
