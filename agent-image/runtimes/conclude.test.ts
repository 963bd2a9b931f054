import { describe, expect, it } from "@jest/globals";
import { concludeFrom } from "./conclude.ts";

const goal = "Make the tests pass.\n\nWithout changing one.";
const none = { proposal: "", lastMessage: "" };

describe("what a program's proposal says", () => {
  it.each([
    ["nothing", none, { title: "Make the tests pass.", body: `${goal}\n\nMade by codex.` }],
    [
      "blanks",
      { proposal: " \n\t", lastMessage: "\n" },
      { title: "Make the tests pass.", body: `${goal}\n\nMade by codex.` },
    ],
    [
      "its last message",
      { ...none, lastMessage: "I mended it.\n" },
      { title: "Make the tests pass.", body: `${goal}\n\nI mended it.\n\nMade by codex.` },
    ],
    [
      "a title and a body",
      { proposal: "# Keep the interval\r\n\r\nAt each refill.\r\n", lastMessage: "Done." },
      { title: "Keep the interval", body: "At each refill.\n\nMade by codex." },
    ],
    ["a title", { proposal: "Keep it", lastMessage: "Done." }, { title: "Keep it", body: "Done.\n\nMade by codex." }],
    ["a title alone", { ...none, proposal: "Keep it" }, { title: "Keep it", body: `${goal}\n\nMade by codex.` }],
  ])("where it left %s", (_, said, expected) => {
    expect(concludeFrom(goal, "codex", said)).toEqual(expected);
  });

  it("is one line, bounded, and of characters that people see", () => {
    const proposal = `${"t".repeat(500)}\u001b[31m\n${"b".repeat(50_000)}\u202e`;
    const { title, body } = concludeFrom(goal, "x".repeat(500), { ...none, proposal });
    expect(title).toBe(`${"t".repeat(119)}…`);
    expect(body.length).toBeLessThanOrEqual(20_000);
    expect(["\u001b", "\u202e"].filter((one) => body.includes(one))).toEqual([]);
    const long = concludeFrom("g".repeat(90_000), "codex", { ...none, lastMessage: "l".repeat(90_000) });
    expect(long.body.length).toBeLessThanOrEqual(20_000);
    expect([long.body.startsWith("g"), long.body.includes("lll")]).toEqual([true, true]);
  });
});
