import { describe, expect, it } from "@jest/globals";
import { renderInstructions } from "./coder-prompt.ts";

describe("what the model is told before anything else", () => {
  it("is how a coder works, and behind it who this one is", () => {
    const without = renderInstructions(undefined);
    const told = renderInstructions({ name: "reviewer", systemPrompt: "You doubt $& what you read.\n" });
    expect(told.startsWith(without)).toBe(true);
    expect(told.slice(without.length)).toBe(
      '\n\nYou work as the persona "reviewer", which adds to these rules and changes none of them:\n\nYou doubt $& what you read.',
    );
  });
});
