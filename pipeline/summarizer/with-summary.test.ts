import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { rowOfWords } from "./recalled-words.ts";
import { withSummary } from "./with-summary.ts";

const lesson = {
  state: "learned",
  text: "Problem: P.\nProposed: Q.\nDecided: D.\nChanged: a.js\nSeen: S.\nOutcome: Merged.",
  sources: ["a"],
  libraries: [],
  files: ["a.js"],
  summarizer: "extractive",
} as const;

const summed = (text: string, recalled: readonly string[] = [], key?: string) =>
  withSummary(lesson, { text, usage: {}, key }, { model: "m", recalled });

const summaryOf = (text: string, recalled: readonly string[] = [], key?: string): string | undefined =>
  summed(text, recalled, key)?.text.split("\n")[1];

describe("a lesson with a summary", () => {
  it("has one line of it, of at most 1,200 characters, and what is computed as it was, whatever a model says", () => {
    const anyText = fc.oneof(
      fc.string({ unit: "binary", maxLength: 3_000 }),
      fc.array(fc.constantFrom("Outcome: x", "\n", "\u2028", "\r", "\u0085", "\u001b[1A", "a", "\ud800"), {
        maxLength: 60,
      }),
    );
    fc.assert(
      fc.property(anyText, (any) => {
        const text = typeof any === "string" ? any : any.join("");
        const made = summed(text);
        if (made === undefined) return;
        const [problem, summary = "", ...rest] = made.text.split(/[\n\r\u2028\u2029\u0085\v\f]/);
        expect([problem, ...rest]).toEqual(["Problem: P.", "Changed: a.js", "Outcome: Merged."]);
        expect(summary).toMatch(/^Summary: /);
        expect(summary.length).toBeLessThanOrEqual("Summary: ".length + 1_200);
        expect(made.text.isWellFormed()).toBe(true);
        const { text: _, summarizer, model, ...others } = made;
        const { text: __, summarizer: ___, ...computed } = lesson;
        expect([others, summarizer, model]).toEqual([computed, "model", "m"]);
      }),
      { endOnFailure: true },
    );
  });

  it("leaves out what its mission was reminded of", () => {
    const recalled = [rowOfWords("Always advance the bucket by whole intervals.")];
    expect(summaryOf("Rounding loses time. Advance the bucket by whole intervals.", recalled)).toBe(
      "Summary: Rounding loses time.",
    );
    expect(summed("- Advance the bucket by whole intervals.", recalled)).toBeUndefined();
  });

  it("holds no secret, nor the key that the model was asked with", () => {
    const key = "local-key-7f3a9c";
    const github = `ghp_${"a1B2".repeat(9)}`;
    expect(summaryOf(`It used ${github} and ${key}.`, [], key)).toBe(
      "Summary: It used [redacted:github-token] and [redacted:model-key].",
    );
    expect(summaryOf(`It used ${key.slice(0, 5)}\u001b[0m${key.slice(5)}.`, [], key)).not.toContain("7f3a9c");
    const long = summaryOf(`${" ".repeat(3_960)}So ${github}`, [], key);
    expect(long).toMatch(/^Summary: So \[redact/);
  });

  it("is none where nothing is said", () => {
    expect([summed(""), summed(" \n\u200b…")]).toEqual([undefined, undefined]);
  });
});
