import { describe, expect, it } from "@jest/globals";
import { sumCounts, countsOf } from "./totals.ts";

describe("countsOf", () => {
  it("counts tests, and files that could not be loaded as failures", () =>
    expect(countsOf({ numPassedTests: 5, numFailedTests: 1, numRuntimeErrorTestSuites: 2 })).toEqual({
      passed: 5,
      failed: 3,
    }));
  it("counts a run without results as a failure", () => expect(countsOf(undefined)).toEqual({ passed: 0, failed: 1 }));
});

describe("sumCounts", () => {
  it("adds up", () =>
    expect(
      sumCounts([
        { passed: 2, failed: 0 },
        { passed: 3, failed: 1 },
      ]),
    ).toEqual({ passed: 5, failed: 1 }));
});
