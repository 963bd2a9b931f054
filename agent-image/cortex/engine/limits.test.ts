import { describe, expect, it } from "@jest/globals";
import { createRepetitionGuard } from "./limits.ts";

const call = {
  tool: "run_command",
  input: { command: "node --test" },
  result: "exit code 1 after 31 ms\nduration_ms 12.5",
  tree: "t1",
};

describe("repetition guard", () => {
  it("warns at the third time and gives up at the sixth, whatever the times measured", () => {
    const guard = createRepetitionGuard();
    const verdicts = [31, 45, 7, 900, 12, 13].map((ms) =>
      guard.see({ ...call, result: `exit code 1 after ${ms} ms\nduration_ms ${ms}.25` }),
    );
    expect(verdicts).toEqual(["new", "new", "warn", "warn", "warn", "stuck"]);
  });

  it.each([
    ["other files", { tree: "t2" }],
    ["another result", { result: "exit code 0 after 31 ms" }],
    ["other arguments", { input: { command: "node --test x" } }],
  ])("takes a call with %s for another one", (_name, difference) => {
    const guard = createRepetitionGuard(2, 3);
    guard.see(call);
    expect(guard.see({ ...call, ...difference })).toBe("new");
  });
});
