import { describe, expect, it } from "@jest/globals";
import { sumTallies, tallyOf } from "./totals.ts";

describe("tallyOf", () => {
  it("counts tests, and files that could not be loaded as failures", () =>
    expect(tallyOf({ numPassedTests: 5, numFailedTests: 1, numRuntimeErrorTestSuites: 2 })).toEqual({
      passed: 5,
      failed: 3,
    }));
  it("counts a run without results as a failure", () => expect(tallyOf(undefined)).toEqual({ passed: 0, failed: 1 }));
});

describe("sumTallies", () => {
  it("adds up", () =>
    expect(
      sumTallies([
        { passed: 2, failed: 0 },
        { passed: 3, failed: 1 },
      ]),
    ).toEqual({ passed: 5, failed: 1 }));
});
