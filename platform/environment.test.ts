import { describe, expect, it } from "@jest/globals";
import { LONGEST_STATE, stateDirectory } from "#platform/environment.ts";

describe("the state directory", () => {
  it("is what the environment says", () => {
    expect(stateDirectory({ ENCHANTED_STATE: "/srv/state" }, "/src/app")).toBe("/srv/state");
  });

  it("lies in the checkout", () => {
    expect(stateDirectory({}, "/src/app")).toBe("/src/app/.enchanted");
  });

  it("is short and of its own for a checkout that lies too deep for unix sockets", () => {
    const deep = (name: string): string => stateDirectory({}, `/${"deep/".repeat(20)}${name}`);
    expect(deep("a").length).toBeLessThanOrEqual(LONGEST_STATE);
    expect(deep("a")).toBe(deep("a"));
    expect(deep("a")).not.toBe(deep("b"));
  });
});
