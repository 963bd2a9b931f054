import { describe, expect, it } from "@jest/globals";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { withoutThinking } from "./thinking.ts";

const said = "The bucket never refilled.";

describe("what a model thought", () => {
  it.each([
    ["<think>", `<think>secret</think>${said}`],
    ["<thinking>", `<thinking>\nsecret\n</thinking>\n\n${said}`],
    ["<thought>", `<thought>secret</thought>${said}`],
    ["capitals and attributes", `<THINK effort="high">secret</Think >${said}`],
    ["triangles", `◁think▷secret◁/think▷${said}`],
    ["a second time", `<think>secret</think>\n<think>secret</think>${said}`],
    ["behind the answer", `${said}<think>secret</think>`],
    ["one in another", `<think>secret <think>secret</think> secret</think>${said}`],
    ["no opening tag", `Okay, secret.\n</think>\n\n${said}`],
    ["no closing tag", `${said}\n<think>secret`],
    [
      "channels",
      `<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>final<|message|>${said}<|return|>`,
    ],
    [
      "channels without the first mark",
      `analysis<|message|>secret<|end|><|start|>assistant<|channel|>final<|message|>${said}`,
    ],
    ["channels whose marks were dropped", `analysisWe secret.assistantfinal${said}`],
    [
      "a constrained channel",
      `<|channel|>analysis<|message|>secret<|end|><|channel|>final <|constrain|>x<|message|>${said}`,
    ],
  ])("is left out: %s", (_, text) => {
    expect(withoutThinking(text).trim()).toBe(said);
  });

  it.each(["<think>secret", "<|channel|>analysis<|message|>secret", "secret</thought>", "<thinking>a</thinking> "])(
    "is no answer alone: %s",
    (text) => {
      expect(withoutThinking(text).trim()).toBe("");
    },
  );

  it.each([said, "Analysis of a < b and </p>.", "It analysis the thought of <thin> air."])("is not in: %s", (text) => {
    expect(withoutThinking(text)).toBe(text);
  });

  it("is found in a time that grows with the text alone", () => {
    for (const piece of ["<think>", "</think>", "<think ", "<|channel|>final", "analysis"])
      expect(
        growthOf(50_000, (n) => {
          const text = `analysis${piece.repeat(n)}`;
          return () => withoutThinking(text);
        }),
      ).toBeLessThan(mostGrowth);
  });
});
