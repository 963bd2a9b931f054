import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { judgeChange } from "#nervous-system/git/judge-change.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { parseRawDiff, type RawChange } from "#nervous-system/git/raw-diff.ts";
import { nameOf } from "#nervous-system/git/paths.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { rebuildTree } from "#supervisor/publish/rebuild-tree.ts";

let top: string;
let git: Git;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "rebuild-tree-"));
  git = createGit({ dir: top, env: { PATH: process.env["PATH"] }, clock: systemClock() });
  await mustRun(git, ["init", "-q"]);
});
afterEach(() => rm(top, { recursive: true }));

const text = async (args: readonly string[], input: string | Uint8Array = ""): Promise<string> =>
  (await mustRun(git, args, { input })).toString().trim();
const blob = (content: string): Promise<string> => text(["hash-object", "-w", "--stdin"], content);

/** A tree as Git writes it: path to mode and content. */
type Files = Readonly<Record<string, readonly [mode: string, id: string]>>;
const treeOf = async (files: Files): Promise<string> => {
  await mustRun(git, ["read-tree", "--empty"]);
  const list = Object.entries(files).map(([path, [mode, id]]) => `${mode} ${id}\t${path}\0`);
  await mustRun(git, ["update-index", "-z", "--add", "--index-info"], { input: list.join("") });
  return text(["write-tree"]);
};

const changesOf = async (base: string, head: string): Promise<readonly RawChange[]> => {
  const diff = await mustRun(git, ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", base, head]);
  return (parseRawDiff(diff) ?? []).map((change) => ({ ...change, path: nameOf(change.path) }));
};

const rebuilt = async (base: string, changes: readonly RawChange[]): Promise<unknown> => {
  const tree = await rebuildTree(git, base, changes);
  return tree.kind === "ok" ? tree.value : tree;
};

/** Files and folders that may take each other's places. */
const someFiles = (ids: readonly string[]): fc.Arbitrary<Files> =>
  fc
    .uniqueArray(fc.array(fc.constantFrom("a", "a.b", "ä", "x y"), { minLength: 1, maxLength: 3 }), {
      selector: (components) => components.join("/"),
      maxLength: 8,
    })
    .chain((paths) =>
      fc.tuple(
        fc.constant(paths.map((components) => components.join("/"))),
        fc.array(fc.tuple(fc.constantFrom("100644", "100755"), fc.constantFrom(...ids)), {
          minLength: paths.length,
          maxLength: paths.length,
        }),
      ),
    )
    .map(([paths, entries]) => {
      const files = paths.flatMap((path, i) => {
        const isFolder = paths.some((other) => other.startsWith(`${path}/`));
        return isFolder ? [] : [[path, entries[i] ?? ["100644", ""]] as const];
      });
      return Object.fromEntries(files);
    });

describe("the tree that is pushed", () => {
  it("is the one that Git would write, whatever was added, changed, taken away or put in another's place", async () => {
    const ids = [await blob("1"), await blob("2")];
    await fc.assert(
      fc.asyncProperty(someFiles(ids), someFiles(ids), async (before, after) => {
        const [base, head] = [await treeOf(before), await treeOf(after)];
        expect(await rebuilt(base, await changesOf(base, head))).toBe(head);
      }),
      { numRuns: 20 },
    );
  }, 60_000);

  it("holds no tree object of the agent's, which may have modes and folders that no diff shows", async () => {
    const id = await blob("1");
    const write = (mode: string, name: string, to: string): Buffer =>
      Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(to, "hex")]);
    const literally = (...entries: Buffer[]): Promise<string> =>
      text(["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], Buffer.concat(entries));
    const base = await treeOf({ a: ["100644", id], "src/b": ["100644", id] });
    const sources = await literally(write("100664", "b", id), write("100644", "new", id));
    const empty = await text(["hash-object", "-t", "tree", "-w", "--stdin"]);
    const head = await literally(
      write("100664", "a", id),
      write("40000", "empty", empty),
      write("040000", "src", sources),
    );
    const judged = await judgeChange(git, base, head);
    expect(judged).toMatchObject({ kind: "ok", value: [{ path: "src/new" }] });
    const expected = await treeOf({ a: ["100644", id], "src/b": ["100644", id], "src/new": ["100644", id] });
    expect(judged.kind === "ok" && (await rebuilt(base, judged.value))).toBe(expected);
  }, 30_000);

  it("leaves what the base has elsewhere as it is: folders, links, submodules, old modes", async () => {
    const id = await blob("1");
    const data = await treeOf({ "x/y": ["100755", id] });
    const list = `40000 tree ${data}\tdata\n160000 commit ${"e".repeat(40)}\tvendor\n120000 blob ${id}\tlink\n100664 blob ${id}\told\n`;
    const base = await text(["mktree"], list);
    const change = { path: "new", oldMode: "000000", newMode: "100644", oldId: "0".repeat(40), newId: id, status: "A" };
    const head = await text(["mktree"], `${list}100644 blob ${id}\tnew\n`);
    expect(await rebuilt(base, [change])).toBe(head);
  }, 30_000);
});
