import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

/** Every file of the repository, tracked or about to be. */
const files = (): string[] =>
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
    .split("\n")
    .filter((file) => file !== "" && existsSync(file));

const product = /^(nervous-system|operator|pipeline|scribe|supervisor|agent-image)\/.*\.ts$/;
const sources = (): string[] =>
  files().filter((file) => product.test(file) && !file.endsWith(".test.ts") && !file.includes("/schemas/gen/"));

type Violation = { name: string; folder: string; code: string; rule: string };

const importing = (name: string, folder: string, statement: string): Violation => ({
  name,
  folder,
  code: `${statement}\nexport const y = x;\n`,
  rule: "no-restricted-imports",
});

const violations: readonly Violation[] = [
  importing("a sibling", "operator", 'import { x } from "#pipeline/main.ts";'),
  importing("a sibling by a relative path", "scribe", 'import { x } from "../../pipeline/main.ts";'),
  importing("the shared layer importing a component", "nervous-system/comms", 'import { x } from "#operator/main.ts";'),
  importing(
    "a lower layer importing a higher one",
    "nervous-system/kernel",
    'import { x } from "#nervous-system/schemas/ids.ts";',
  ),
  importing(
    "the fold importing a transport",
    "nervous-system/fold",
    'import { x } from "#nervous-system/comms/nats/bus.ts";',
  ),
  importing("the product importing the platform", "pipeline", 'import { x } from "#platform/verify.ts";'),
  importing(
    "a Kubernetes client outside its folder",
    "operator",
    'import { KubeConfig as x } from "@kubernetes/client-node";',
  ),
  importing("a NATS client outside its folder", "pipeline", 'import { connect as x } from "nats";'),
  importing("a Neo4j driver outside its folder", "pipeline", 'import { driver as x } from "neo4j-driver";'),
  importing("a Weaviate client outside its folder", "pipeline", 'import { ApiKey as x } from "weaviate-client";'),
  importing("Octokit outside the forge", "supervisor/publish", 'import { Octokit as x } from "@octokit/rest";'),
  {
    name: "the wall clock",
    folder: "operator",
    code: "export const y = Date.now();\n",
    rule: "no-restricted-properties",
  },
  {
    name: "a random number",
    folder: "operator",
    code: "export const y = Math.random();\n",
    rule: "no-restricted-properties",
  },
  {
    name: "the environment",
    folder: "operator",
    code: 'export const y = process.env["A"];\n',
    rule: "no-restricted-globals",
  },
  { name: "a default export", folder: "operator", code: "export default 1;\n", rule: "no-default-export" },
  {
    name: "a promise nobody awaits",
    folder: "operator",
    code: "const f = async (): Promise<void> => {};\nexport const y = (): void => {\n  f();\n};\n",
    rule: "no-floating-promises",
  },
];

const innocent = {
  folder: "operator",
  code: 'import { randomIds } from "#nervous-system/schemas/ids.ts";\nexport const y = randomIds;\n',
};

const plantedFolder = (folder: string): string => join(folder, "zz-planted-violation");

/** Plants every file, lints them in one run, and answers the rules broken in each. */
const lintPlanted = (plants: ReadonlyArray<{ folder: string; code: string }>): string[][] => {
  const paths = plants.map(({ folder, code }, index) => {
    const path = join(plantedFolder(folder), `planted-${index}.ts`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
    return path;
  });
  try {
    const { stdout } = spawnSync("oxlint", ["--type-aware", "--format=json", ...paths], { encoding: "utf8" });
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: Array<{ filename: string; code: string }> };
    return paths.map((path) => diagnostics.filter((d) => d.filename === path).map((d) => d.code));
  } finally {
    for (const { folder } of plants) rmSync(plantedFolder(folder), { recursive: true, force: true });
  }
};

describe("the linter", () => {
  let found: string[][] = [];

  beforeAll(() => {
    found = lintPlanted([...violations, innocent]);
  }, 60_000);

  it.each(violations.map((violation, index) => [violation.name, index, violation.rule] as const))(
    "catches %s",
    (_, index, rule) => {
      expect(found[index]).toContainEqual(expect.stringContaining(rule));
    },
  );

  it("says nothing of an innocent file", () => {
    expect(found.at(-1)).toEqual([]);
  });
});

describe("the search for what nothing uses", () => {
  const folder = join("operator", "zz-planted-unused");
  const plant = {
    "main.ts": 'import "./nobody.ts";\nimport { asIs } from "./planted.ts";\nconsole.log(asIs);\n',
    "nobody.ts": "export const forNobody = 1;\nexport type ForNobody = string;\n",
    "planted.ts": "export const forATest = 1;\nexport const forItself = 2;\nexport const asIs = forItself;\n",
    "planted.test.ts": 'import { forATest, forItself } from "./planted.ts";\nconsole.log(forATest, forItself);\n',
  };
  const found = (script: string): string[] => {
    const { stdout } = spawnSync("npm", ["run", "-s", script, "--", "--reporter", "json"], { encoding: "utf8" });
    type Issue = { file: string; files: unknown[] } & Record<"exports" | "types", Array<{ name: string }>>;
    const { issues } = JSON.parse(stdout) as { issues: Issue[] };
    return issues
      .filter(({ file }) => file.startsWith(folder))
      .flatMap(({ exports, types }) => [...exports, ...types].map(({ name }) => name))
      .toSorted();
  };

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    for (const [name, code] of Object.entries(plant)) writeFileSync(join(folder, name), code);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("catches an export and a type that nobody imports", () => {
    expect(found("unused")).toEqual(["ForNobody", "forNobody"]);
  }, 60_000);

  it("catches what only a test uses, and lets a test look at what its own file uses", () => {
    expect(found("unused:product")).toEqual(["ForNobody", "forATest", "forNobody"]);
  }, 60_000);
});

describe("what no linter rule says", () => {
  it("nobody reads the wall clock by `new Date()`", () => {
    const offenders = sources().filter(
      (file) => !file.endsWith("/clock.ts") && /new Date\(\)/.test(readFileSync(file, "utf8")),
    );
    expect(offenders).toEqual([]);
  });

  it("commands of the cluster print by one way, which lets nothing through that a terminal obeys", () => {
    const printing = files().filter(
      (file) =>
        /^cli\/cluster\/.*(?<!\.test)\.ts$/.test(file) &&
        /stdout\(\)\s*\.write|console\./.test(readFileSync(file, "utf8")),
    );
    expect(printing).toEqual(["cli/cluster/print-answer.ts"]);
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
