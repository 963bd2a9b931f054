import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";

/** Every file of the repository, tracked or about to be. */
const files = (): string[] =>
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
    .split("\n")
    .filter((file) => file !== "" && existsSync(file));

const product = /^(nervous-system|operator|pipeline|scribe|supervisor|agent-image)\/.*\.ts$/;
const sources = (): string[] =>
  files().filter((file) => product.test(file) && !file.endsWith(".test.ts") && !file.includes("/schemas/gen/"));

const planted = "zz-planted-violation";
const plantedPaths: string[] = [];

/** Lints `code` as if it stood at `folder`, and answers what the linter said. */
const lintPlanted = (folder: string, code: string): string => {
  const path = join(folder, planted, "planted.ts");
  mkdirSync(dirname(path), { recursive: true });
  plantedPaths.push(dirname(path));
  writeFileSync(path, code);
  const { stdout, stderr } = spawnSync("oxlint", ["--no-ignore", "--type-aware", "--format=unix", path], {
    encoding: "utf8",
  });
  rmSync(dirname(path), { recursive: true });
  return stdout + stderr;
};

afterAll(() => {
  for (const path of plantedPaths) rmSync(path, { recursive: true, force: true });
});

describe("the import rule catches", () => {
  const violations: ReadonlyArray<[string, string, string]> = [
    ["a sibling", "operator", 'import { x } from "#pipeline/main.ts";\nexport const y = x;\n'],
    ["a sibling by a relative path", "scribe", 'import { x } from "../../pipeline/main.ts";\nexport const y = x;\n'],
    [
      "the shared layer importing a component",
      "nervous-system/comms",
      'import { x } from "#operator/main.ts";\nexport const y = x;\n',
    ],
    [
      "a lower layer importing a higher one",
      "nervous-system/kernel",
      'import { x } from "#nervous-system/schemas/ids.ts";\nexport const y = x;\n',
    ],
    [
      "the product importing the platform",
      "pipeline",
      'import { x } from "#platform/verify.ts";\nexport const y = x;\n',
    ],
    [
      "a Kubernetes client outside its folder",
      "operator",
      'import { KubeConfig } from "@kubernetes/client-node";\nexport const y = KubeConfig;\n',
    ],
    ["a NATS client outside its folder", "pipeline", 'import { connect } from "nats";\nexport const y = connect;\n'],
    [
      "Octokit outside the forge",
      "supervisor/publish",
      'import { Octokit } from "@octokit/rest";\nexport const y = Octokit;\n',
    ],
  ];
  it.each(violations)("%s", (_, folder, code) => {
    expect(lintPlanted(folder, code)).toContain("no-restricted-imports");
  });

  it("nothing in an innocent file", () => {
    const innocent = 'import { randomIds } from "#nervous-system/schemas/ids.ts";\nexport const y = randomIds;\n';
    expect(lintPlanted("operator", innocent)).not.toMatch(/planted\.ts:\d/);
  });
});

describe("the linter catches", () => {
  const violations: ReadonlyArray<[string, string, string]> = [
    ["the wall clock", "export const y = Date.now();\n", "no-restricted-properties"],
    ["a random number", "export const y = Math.random();\n", "no-restricted-properties"],
    ["the environment", 'export const y = process.env["A"];\n', "no-restricted-globals"],
    ["a default export", "export default 1;\n", "no-default-export"],
    [
      "a promise nobody awaits",
      "const f = async (): Promise<void> => {};\nexport const y = (): void => {\n  f();\n};\n",
      "no-floating-promises",
    ],
  ];
  it.each(violations)("%s", (_, code, rule) => {
    expect(lintPlanted("operator", code)).toContain(rule);
  });
});

describe("what no linter rule says", () => {
  it("nobody reads the wall clock by `new Date()`", () => {
    const offenders = sources().filter(
      (file) => !file.endsWith("/clock.ts") && /new Date\(\)/.test(readFileSync(file, "utf8")),
    );
    expect(offenders).toEqual([]);
  });

  it("no file is named after nothing", () => {
    const offenders = files().filter((file) => /(^|\/)(utils?|helpers?|types|common|misc)\.ts$/.test(file));
    expect(offenders).toEqual([]);
  });

  it("files are kebab-case", () => {
    const offenders = sources().filter((file) => !/^[a-z0-9/.-]+$/.test(file));
    expect(offenders).toEqual([]);
  });

  it("no folder of the architecture is empty", () => {
    const all = files();
    const folders = [
      "operator/",
      "crds/",
      "charts/",
      "agent-image/",
      "manifests/",
      "test/",
      "nervous-system/",
      "pipeline/",
      "scribe/",
      "supervisor/",
      "platform/",
      "docs/adr/",
    ];
    expect(folders.filter((folder) => !all.some((file) => file.startsWith(folder)))).toEqual([]);
  });
});
