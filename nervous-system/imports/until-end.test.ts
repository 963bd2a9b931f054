import { describe, expect, it } from "@jest/globals";
import { untilEnd } from "./until-end.ts";

const never = new Promise<"late">(() => undefined);

describe("what takes long", () => {
  it("is walked to its end", async () => {
    function* three(): Generator<undefined, number> {
      for (let at = 0; at < 3; at += 1) yield;
      return 3;
    }
    expect(await untilEnd(three(), never)).toBe(3);
  });

  it("is left when it is late, which others can say meanwhile", async () => {
    function* endless(): Generator<undefined, number> {
      for (;;) yield;
    }
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    setTimeout(() => resolve("late"), 1);
    expect(await untilEnd(endless(), late)).toBe("late");
  });
});
