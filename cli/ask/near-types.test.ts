import { expect, it } from "@jest/globals";
import { frameTypes } from "#nervous-system/schemas/frames/catalog.ts";
import { nearTypes } from "./near-types.ts";

it.each([
  ["THOUGH", ["THOUGHT"]],
  ["action", ["ACTION"]],
  ["DECISION", ["DECISION_RATIONALE"]],
  ["STATE_CHANGES", ["STATE_CHANGE"]],
])("takes %s for what was meant", (given, near) => {
  expect(nearTypes(given)).toEqual(near);
});

it("names all types where none is near, at once however long the word is", () => {
  expect(nearTypes("NOPE_NOPE")).toEqual(frameTypes);
  expect(nearTypes("X".repeat(1_000_000))).toEqual(frameTypes);
});
