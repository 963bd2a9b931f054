import { describe, expect, it } from "@jest/globals";
import { controlOf, controlPaths } from "#nervous-system/git/control-paths.ts";
import { foldComponent, judgePath } from "#nervous-system/git/path-policy.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";

const allNames = controlPaths.flatMap(({ names, fileNames = [] }) => [...names, ...fileNames]);

describe("the list of control paths", () => {
  it("is spelled as paths are compared, each name once, with one star at most", () => {
    for (const name of allNames) {
      expect(foldComponent(name.replace("*", "x"))).toBe(name.replace("*", "x"));
      expect(name.split("*").length).toBeLessThanOrEqual(2);
    }
    expect(new Set(allNames).size).toBe(allNames.length);
  });

  it.each(controlPaths.map(({ kind, why, names, fileNames = [] }) => ({ kind, why, names: [...names, ...fileNames] })))(
    "refuses each name of its own with the reason of its kind: $kind",
    ({ why, names }) => {
      for (const name of names) {
        const path = `a/${name.replace("*", "b").toUpperCase()}`;
        expect(judgePath(path)).toMatch(path.startsWith("a/.GIT") ? /an agent may not change/ : why);
      }
    },
  );

  it("knows a file that is called as folders often are", () => {
    expect([controlOf("owners", true), controlOf("owners", false)]).toEqual([expect.any(String), undefined]);
  });

  it("costs no more than by the length of a name", () => {
    const look = (n: number) => () => Array.from({ length: 200 }, () => controlOf("jenkinsfile-".repeat(n), true));
    expect(growthOf(1_000, look)).toBeLessThan(mostGrowth);
  });
});
