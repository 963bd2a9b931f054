import { describe, expect, it } from "@jest/globals";
import { givenEnvironment } from "./given-environment.ts";
import { givingBack, inheritedBy } from "./inherited.ts";

describe("what the launcher found", () => {
  it("names the descriptors that Node closes, and not those it leaves alone", () => {
    const descriptors = (found: string): readonly number[] =>
      inheritedBy({ ENCHANTED_INHERITED: `0 1024 ${found}` }).descriptors;
    expect(descriptors("3 10 15 18")).toEqual([3, 10, 15]);
    expect(descriptors("16 17 19")).toEqual([16, 17]);
  });

  it("gives back what was set aside for Node, and what a shell lost or set", () => {
    const lost = Buffer.from("a.b=1=2\0PWD=/here\0").toString("base64");
    const env = {
      A: "a",
      ENCHANTED_ASIDE_NODE_OPTIONS: "",
      PWD: "/real",
      IFS: " ",
      ENCHANTED_ENVIRONMENT: `PWD|IFS ${lost}`,
    };
    expect({ ...givenEnvironment(env) }).toEqual({
      A: "a",
      NODE_OPTIONS: "",
      "a.b": "1=2",
      PWD: "/here",
      IFS: undefined,
    });
    expect({ ...givenEnvironment({ PWD: "/real" }) }).toEqual({ PWD: "/real" });
  });
});

describe("a program that gets its limit and its ignored signals back", () => {
  const command = ["/bin/sh", "x"];

  it("has no shell before it where none is needed", () => {
    const env = { PATH: "/usr/bin:/bin" };
    expect(givingBack({ signals: [], files: undefined, descriptors: [] }, env, command)).toEqual(command);
  });

  it("keeps its own environment behind a shell", () => {
    const told = givingBack({ signals: ["SIGHUP"], files: "9", descriptors: [] }, { PATH: "", IFS: ":" }, command);
    expect(told.slice(0, 3)).toEqual(["sh", "-c", `trap '' 1; ulimit -Sn 9; exec "$@"`]);
    expect(told.slice(-3)).toEqual(["IFS=:", ...command]);
    expect(told.join(" ")).toContain("-u PWD");
  });
});
