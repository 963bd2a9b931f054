import { describe, expect, it } from "@jest/globals";
import { createAnswerReader } from "./answer-reader.ts";

/** One delta of a tool call, in the words of the protocol. */
const delta = (index?: number, id?: string | null, name?: string) => ({
  index,
  id,
  function: { name, arguments: "{" },
});

const calledIn = (deltas: ReadonlyArray<ReturnType<typeof delta>>) => {
  const reader = createAnswerReader();
  for (const one of deltas)
    reader.readEvent({ event: "", data: JSON.stringify({ choices: [{ delta: { tool_calls: [one] } }] }) });
  return reader.facts().toolsCalled;
};

describe("the tools that a stream of chat completions calls", () => {
  it.each([
    ["without its id", [delta(0, "a", "f"), delta(0, undefined, "f"), delta(0, null, "f"), delta(0, "", "f")]],
    ["with its id", [delta(0, "a", "f"), delta(0, "a", "f")]],
    ["with its id only then", [delta(0, undefined, "f"), delta(0, "a", "f"), delta(0, undefined, "f")]],
    ["without an id ever", [delta(0, undefined, "f"), delta(0, undefined, "f")]],
    ["without its index, as ever", [delta(undefined, "a", "f"), delta(undefined, undefined, "f")]],
    ["not at all", [delta(0, "a", "f"), delta(0, undefined), delta(0, "a")]],
  ])("are one where it is named again %s", (_, deltas) => expect(calledIn(deltas)).toEqual(["f"]));

  it.each([
    ["at two indexes", [delta(0, "a", "f"), delta(1, "b", "f")]],
    ["at two indexes, under one id", [delta(0, "a", "f"), delta(1, "a", "f")]],
    ["at two indexes, without ids", [delta(0, undefined, "f"), delta(1, undefined, "f")]],
    [
      "at two indexes, and named again by turns",
      [0, 1, 0, 1].flatMap((i) => [delta(i, `${i}`, "f"), delta(i, "", "f")]),
    ],
    ["at one index, under two ids", [delta(0, "a", "f"), delta(0, "b", "f")]],
    ["at one index, and named again", [delta(0, "a", "f"), delta(0, "", "f"), delta(0, "b", "f"), delta(0, "", "f")]],
    ["at one index, and named again by turns", ["a", "b", "a", "b"].map((id) => delta(0, id, "f"))],
    ["without indexes, under two ids", [delta(undefined, "a", "f"), delta(undefined, "b", "f")]],
  ])("are two of one name %s", (_, deltas) => expect(calledIn(deltas)).toEqual(["f", "f"]));

  it("are each its own where none has an id and all have one index, as Ollama's have", () => {
    expect(calledIn(["f", "g", "f"].map((name) => delta(0, undefined, name)))).toEqual(["f", "g", "f"]);
  });
});
