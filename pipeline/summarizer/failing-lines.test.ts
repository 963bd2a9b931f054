import { describe, expect, it } from "@jest/globals";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { failingLines } from "./failing-lines.ts";

describe("the lines by which a failure is told", () => {
  it.each([
    ["node's runner", "▶ a\n  ✔ fine (1ms)\n  ✖ broken (0.61ms)\nℹ fail 1\nℹ cancelled 0", "✖ broken"],
    [
      "pytest",
      "collected 3\nE   AssertionError: 1 != 2\nFAILED t.py::a - Assert\n1 failed",
      "E   AssertionError: 1 != 2; FAILED t.py::a - Assert; 1 failed",
    ],
    ["go", "=== RUN A\n--- FAIL: TestA (0.00s)\n    a_test.go:3: want 1\nFAIL", "--- FAIL: TestA; FAIL"],
    ["a compiler", "error TS2322: no\nFound 1 error.", "error TS2322: no; Found 1 error."],
    ["a command that only ends", "exit code 1 after 3 ms\n(no output)", "exit code 1 after 3 ms"],
    ["nothing", "", ""],
  ])("are those of %s", (_, output, expected) => {
    expect(failingLines(output)).toBe(expected);
  });

  it("are the same whenever the same test fails", () => {
    expect(failingLines("✖ waits (12.5 ms)")).toBe(failingLines("✖ waits (9 ms)"));
  });

  it.each([
    ["blanks", " "],
    ["open brackets", "("],
    ["times", "(1"],
    ["marks", "- "],
  ])("are found in linear time among lines of %s", (_, piece) => {
    const growth = growthOf(100, (lines) => {
      const output = `${piece.repeat(400)}\n`.repeat(lines);
      return () => failingLines(output);
    });
    expect(growth).toBeLessThan(mostGrowth);
  });
});
