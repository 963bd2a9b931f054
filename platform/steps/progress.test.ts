import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { renderDuration, runSteps } from "./progress.ts";

describe("renderDuration", () => {
  it.each([
    [0, "0.0 s"],
    [7_440, "7.4 s"],
    [60_000, "1 min 00 s"],
    [185_400, "3 min 05 s"],
    [3_599_600, "60 min 00 s"],
  ])("%d ms is %s", (ms, text) => expect(renderDuration(ms)).toBe(text));
});

describe("runSteps", () => {
  it("tells each step, what happened in it and how long it took", async () => {
    const clock = manualClock();
    const said: string[] = [];
    const slow = async ({ note }: { note: (text: string) => void }) => {
      await clock.advance(1_500);
      note("half done");
      await clock.advance(500);
    };
    await runSteps(
      [
        { title: "first", run: slow },
        { title: "second", run: async () => {} },
      ],
      clock,
      (text) => said.push(text),
    );
    expect(said).toEqual([
      "[1/2] first",
      "      half done (1.5 s)",
      "      done in 2.0 s",
      "[2/2] second",
      "      done in 0.0 s",
      "All of it took 2.0 s.",
    ]);
  });

  it("stops at a step that fails and names it", async () => {
    const ran: string[] = [];
    const steps = [
      { title: "Images", run: () => Promise.reject(new Error("no space")) },
      { title: "after", run: async () => void ran.push("after") },
    ];
    await expect(runSteps(steps, manualClock(), () => {})).rejects.toThrow(/"Images" failed after 0\.0 s: no space/);
    expect(ran).toEqual([]);
  });
});
