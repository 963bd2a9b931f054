import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { repositoryRoot } from "./environment.ts";

/** Packages whose install scripts nobody runs, and what is missing without. */
const left: Readonly<Record<string, string>> = {
  "@bufbuild/buf": "looks whether its program is the right one",
  "@parcel/watcher": "builds from source what comes built",
  chdb: "does nothing",
  "cpu-features": "builds what ssh2 does without",
  "onnxruntime-node": "downloads what runs on graphics cards; the one for processors comes with it",
  protobufjs: "warns of version ranges",
  ssh2: "builds a faster cipher; no SSH is spoken here",
};

type Lock = { packages: Readonly<Record<string, { hasInstallScript?: boolean }>> };

const read = (file: string): Promise<string> => readFile(join(repositoryRoot, file), "utf8");

describe("scripts of packages at their installation", () => {
  it("are run of those that the Makefile names, and each of the others is known", async () => {
    const [, run = ""] = /npm rebuild --ignore-scripts=false(?<names>[^\n]*)/.exec(await read("Makefile")) ?? [];
    const named = run.trim().split(/\s+/);
    expect(named).toEqual(["esbuild"]);
    const { packages } = JSON.parse(await read("package-lock.json")) as Lock;
    const having = Object.entries(packages)
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length));
    expect([...new Set(having)].toSorted()).toEqual([...named, ...Object.keys(left)].toSorted());
  });

  it("are run by no install that does not ask", async () => {
    expect(await read(".npmrc")).toContain("ignore-scripts=true");
    for (const file of ["Makefile", "platform/tools/agent-programs.ts", "test/bench/harness/peers.ts"]) {
      const [first, ...more] = (await read(file)).match(/^.*npm"?,? "?(?:ci|install)\b.*$/gm) ?? [];
      for (const line of [first, ...more]) expect(line).toContain("--ignore-scripts");
    }
  });
});
