import { describe, expect, it } from "@jest/globals";
import { growthOf, mostGrowth } from "./growth.ts";

const nested = (depth: number) => (n: number) => (): number => {
  let sum = 0;
  for (let at = 0; at < n ** depth; at += 1) sum += at % 7;
  return sum;
};

describe("growth of time", () => {
  it("tells what takes time by its length from what takes time by its square", () => {
    expect(growthOf(300_000, nested(1))).toBeLessThan(mostGrowth);
    expect(growthOf(400, nested(2))).toBeGreaterThan(mostGrowth);
  });
});
