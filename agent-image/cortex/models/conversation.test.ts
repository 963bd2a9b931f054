import { describe, expect, it } from "@jest/globals";
import type { ModelMessage } from "ai";
import { historyOf, ownIds } from "./conversation.ts";

describe("the ids of a model's calls", () => {
  it("stay where each is its own, and become so where they are not", () => {
    expect(ownIds(["a", "b"])).toEqual(["a", "b"]);
    expect(ownIds(["a", "a", "a-2", "", ""])).toEqual(["a", "a-3", "a-2", "call-2", "call-3"]);
  });

  it("are the same in the history that goes back to the model", () => {
    const call = (path: string) =>
      ({ type: "tool-call", toolCallId: "same", toolName: "read_file", input: { path } }) as const;
    const messages: ModelMessage[] = [{ role: "assistant", content: [call("a"), call("b")] }];
    expect(historyOf(messages).content).toMatchObject([
      { toolCallId: "same", input: { path: "a" } },
      { toolCallId: "same-2", input: { path: "b" } },
    ]);
  });
});
