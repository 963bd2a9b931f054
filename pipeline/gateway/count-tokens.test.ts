import { describe, expect, it } from "@jest/globals";
import { countTokens, type CountedCall } from "#pipeline/gateway/count-tokens.ts";

const call = (over: Partial<CountedCall> = {}): CountedCall => ({
  facts: { inputTokens: 9, outputTokens: 3, stopReason: "stop" },
  spokenTokens: 50,
  answer: Buffer.alloc(1_000),
  isWhole: true,
  isTaken: true,
  route: { provider: "OpenAICompatible", operation: "chat/completions" },
  guessedTokens: 700,
  ...over,
});

describe("the tokens of a call", () => {
  it.each<[string, Partial<CountedCall>]>([
    ["that was counted at its end", {}],
    ["whose count came although its client had gone", { isWhole: false }],
    ["that the provider refused", { facts: { error: "slow down" }, isTaken: false, spokenTokens: 0 }],
    ["that failed before anything was said", { facts: { error: "overloaded" }, spokenTokens: 0 }],
    ["for vectors", { facts: { inputTokens: 4 }, spokenTokens: 0 }],
    [
      "that only counts",
      { facts: {}, spokenTokens: 0, route: { provider: "Anthropic", operation: "messages/count_tokens" } },
    ],
  ])("%s are as they were told", (_, over) => {
    const told = call(over);
    expect(countTokens(told)).toEqual({ facts: told.facts });
  });

  it.each<[string, Partial<CountedCall>, number, number | undefined]>([
    ["that nobody counted", { facts: { stopReason: "stop" } }, 700, 50],
    ["that was cut", { facts: {}, isWhole: false }, 700, 50],
    ["that was cut before anything was read", { facts: {}, isWhole: false, spokenTokens: 0 }, 700, 500],
    [
      "that broke before it was answered",
      { facts: {}, isWhole: false, spokenTokens: 0, answer: Buffer.alloc(0) },
      700,
      undefined,
    ],
    ["that failed in the middle", { facts: { error: "overloaded" } }, 700, 50],
    ["whose stream counted its beginning only", { facts: { inputTokens: 9, outputTokens: 1 }, isWhole: false }, 9, 50],
    [
      "whose stream began by a count of nothing",
      { facts: { inputTokens: 0, outputTokens: 0 }, isWhole: false },
      700,
      50,
    ],
    ["whose answer could not be read", { facts: {}, unread: "a coding", spokenTokens: 0 }, 700, 500],
  ])("%s are estimated", (_, over, inputTokens, outputTokens) => {
    const { facts, usageEstimated } = countTokens(call(over));
    expect([facts.inputTokens, facts.outputTokens, usageEstimated]).toEqual([inputTokens, outputTokens, true]);
  });
});
