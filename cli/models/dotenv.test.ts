import { describe, expect, it } from "@jest/globals";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { variablesOfAider } from "./aider.ts";
import { variablesOfDotenv } from "./dotenv.ts";

describe("a file of variables, and one of aider's settings", () => {
  it("is read line by line, whatever ends its lines", () => {
    expect(variablesOfDotenv("A=1\u2028B=2\u2029C=3\nD=4\r\nE=5")).toEqual(["A", "B", "C", "D", "E"]);
    expect(variablesOfAider("# env-file: a\u2028openai-api-base: b")).toEqual(["OPENAI_API_BASE"]);
  });

  it.each([
    "\u2028",
    "\u2029",
    "\n",
    "\r",
    " ",
    "a\n",
    "a=\n",
    "a = ",
    "export\n",
    "export ",
    "'",
    "#",
    "# \u2028",
    "-",
    "env-",
  ])("costs time that grows with its length where it is full of %j", (unit) => {
    for (const read of [variablesOfDotenv, variablesOfAider]) {
      const make = (n: number) => {
        const text = unit.repeat(n / unit.length);
        return () => read(text);
      };
      expect(growthOf(16_384, make)).toBeLessThan(mostGrowth);
    }
  });
});
