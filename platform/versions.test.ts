import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { repositoryRoot } from "./environment.ts";
import { isAtLeast } from "./tools/go-build.ts";
import { goTools, MINIMUM_GO, type GoTool } from "./versions.ts";

const goModOf = (tool: GoTool): Promise<string> =>
  readFile(join(repositoryRoot, "platform/tools", tool.group, "go.mod"), "utf8");

describe("versions", () => {
  it.each(Object.entries<GoTool>(goTools))("%s is built in the version that the table says", async (_, tool) => {
    expect((await goModOf(tool)).split("\n").map((line) => line.replace("require ", "").trim())).toContain(
      `${tool.module} ${tool.version}`,
    );
  });

  it.each(Object.entries<GoTool>(goTools))("%s asks for no newer Go than the oldest we accept", async (_, tool) => {
    const wanted = /^go (?<version>\S+)$/m.exec(await goModOf(tool))?.groups?.["version"] ?? "none";
    expect(isAtLeast(MINIMUM_GO, wanted)).toBe(true);
  });
});

describe("isAtLeast", () => {
  it.each([
    ["1.26.8", "1.26.6", true],
    ["1.26.6", "1.26.6", true],
    ["1.27", "1.26.6", true],
    ["1.26", "1.26.6", false],
    ["1.9.9", "1.26.6", false],
    ["none", "1.26.6", false],
  ])("%s is at least %s: %s", (found, wanted, answer) => {
    expect(isAtLeast(found, wanted)).toBe(answer);
  });
});
