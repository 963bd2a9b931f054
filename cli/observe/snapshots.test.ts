import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { appendFile, mkdir, mkdtemp, rename, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changesBetween } from "#nervous-system/git/file-changes.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createSnapshots, type Snapshots } from "./snapshots.ts";
import { MAX_FILE_BYTES } from "./staging.ts";
import { openWorkTree, type WorkTree } from "./work-tree.ts";

let place: string;
const inTree = (name: string): string => join(place, "tree", name);
const write = (name: string, text: string): Promise<void> => writeFile(inTree(name), text);
const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: inTree(""), encoding: "utf8" });

const none = async () => (): boolean => false;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "snapshots-"));
  await mkdir(join(place, "ours"));
  await mkdir(inTree("sub"), { recursive: true });
  git("init", "-q");
  for (const name of ["kept", "edited", "dirty", "moved", "removed", "sub/one"])
    await write(name, `${name}\n1\n2\n3\n`);
  git("add", "-A");
  git("commit", "-qm", "first");
  await appendFile(inTree("dirty"), "before\n");
  await rm(inTree("sub/one"));
  await write("untracked", "before\n");
});
afterEach(() => rm(place, { recursive: true }));

const open = async (): Promise<WorkTree> => {
  const directory = join(place, "ours");
  const { signal } = new AbortController();
  const host = { cwd: inTree(""), env: { PATH: process.env["PATH"], HOME: place }, clock: systemClock() };
  const work = await openWorkTree({ host, directory, signal });
  if (work === undefined) throw new Error("no work tree");
  return work;
};

/** The moment from which changes count: no file that is there by now has a later change time. */
const moment = async (): Promise<bigint> => {
  let before: bigint;
  let now: bigint;
  await write("../clock", "");
  before = (await stat(inTree("../clock"), { bigint: true })).ctimeNs;
  do {
    await write("../clock", "");
    now = (await stat(inTree("../clock"), { bigint: true })).ctimeNs;
  } while (now === before);
  return now;
};

const takeAt = async (snapshots: Snapshots, sinceNs: bigint): Promise<string> => {
  snapshots.begin(sinceNs);
  return (await snapshots.takeFirst()).tree;
};

type Told = ReadonlyArray<readonly [change: string, path: string, added: number | undefined]>;

const changesSince = async (work: WorkTree, snapshots: Snapshots, before: string): Promise<Told> => {
  const changes = await changesBetween(work.git, before, await snapshots.take());
  return changes.map(({ change, path, added }) => [change, path, added]);
};

describe("the first snapshot, taken when the program is at work already", () => {
  it("has what was there before, and nothing that the program did", async () => {
    const work = await open();
    const snapshots = createSnapshots(work, none);
    const began = await moment();
    await appendFile(inTree("edited"), "by the program\n");
    await rename(inTree("moved"), inTree("moved-away"));
    await rm(inTree("removed"));
    await write("made", "by the program\n");
    const before = await takeAt(snapshots, began);
    expect(await changesSince(work, snapshots, before)).toEqual([
      ["modified", "edited", 1],
      ["added", "made", 1],
      ["renamed", "moved-away", 0],
      ["deleted", "removed", 0],
    ]);
  });

  it("has of a file that the index does not know as it was, that it was there", async () => {
    const work = await open();
    const snapshots = createSnapshots(work, none);
    const began = await moment();
    await appendFile(inTree("untracked"), "by the program\n");
    await appendFile(inTree("dirty"), "by the program\n");
    const before = await takeAt(snapshots, began);
    expect(await changesSince(work, snapshots, before)).toEqual([
      ["modified", "dirty", 2],
      ["modified", "untracked", undefined],
    ]);
  });

  it("says again what the index said of a file that changed while it was read", async () => {
    const work = await open();
    const began = await moment();
    const slow: WorkTree = {
      ...work,
      git: {
        run: async (args, call) => {
          const result = await work.git.run(args, call);
          if (args.includes("--stdin") && args.includes("--remove")) {
            await appendFile(inTree("dirty"), "by the program\n");
            await rm(inTree("untracked"));
          }
          return result;
        },
      },
    };
    const before = await takeAt(createSnapshots(slow, none), began);
    const after = createSnapshots(work, none);
    expect(await changesSince(work, after, before)).toEqual([["modified", "dirty", 2]]);
  });
});

describe("what was not read before the program began", () => {
  it("is named, where an edit of before may be in it", async () => {
    const snapshots = createSnapshots(await open(), none);
    snapshots.begin(await moment());
    for (const name of ["edited", "dirty", "untracked", "made"]) await appendFile(inTree(name), "by the program\n");
    await rename(inTree("moved"), inTree("moved-away"));
    expect([...(await snapshots.takeFirst()).unknown].toSorted()).toEqual([
      "dirty",
      "edited",
      "moved",
      "moved-away",
      "untracked",
    ]);
    expect(snapshots.unread()).toContain("made");
  });

  it("is named, where it changed while it was read ahead", async () => {
    const work = await open();
    const began = await moment();
    let isRunning = false;
    const run: WorkTree["git"]["run"] = async (args, call) => {
      if (args.includes("--remove") && !isRunning) {
        isRunning = true;
        snapshots.begin(began);
        await appendFile(inTree("dirty"), "by the program\n");
      }
      return work.git.run(args, call);
    };
    const snapshots = createSnapshots({ ...work, git: { run } }, none);
    await snapshots.readAhead();
    const { tree, unknown } = await snapshots.takeFirst();
    expect([...unknown]).toEqual(["dirty"]);
    expect(await changesSince(work, snapshots, tree)).toEqual([["modified", "dirty", 2]]);
  });
});

describe("what was read before the program began", () => {
  it("is what was there, whatever the program does at once", async () => {
    const work = await open();
    const snapshots = createSnapshots(work, none);
    await snapshots.readAhead();
    await appendFile(inTree("edited"), "between\n");
    snapshots.begin(await moment());
    await appendFile(inTree("dirty"), "by the program\n");
    await appendFile(inTree("untracked"), "by the program\n");
    await write("made", "by the program\n");
    const { tree, unknown } = await snapshots.takeFirst();
    expect([...unknown]).toEqual([]);
    expect(await changesSince(work, snapshots, tree)).toEqual([
      ["modified", "dirty", 1],
      ["added", "made", 1],
      ["modified", "untracked", 1],
    ]);
  });

  it("is so too where the program changes it again while it is looked at", async () => {
    const work = await open();
    let isRunning = false;
    const run: WorkTree["git"]["run"] = async (args, call) => {
      if (args.includes("--remove") && isRunning) await appendFile(inTree("dirty"), "by the program\n");
      return work.git.run(args, call);
    };
    const snapshots = createSnapshots({ ...work, git: { run } }, none);
    await snapshots.readAhead();
    await appendFile(inTree("dirty"), "between\n");
    snapshots.begin(await moment());
    isRunning = true;
    const { tree, unknown } = await snapshots.takeFirst();
    isRunning = false;
    expect([...unknown]).toEqual([]);
    expect(await changesSince(work, snapshots, tree)).toEqual([["modified", "dirty", 2]]);
  });

  it("is told of by the first tree where it could not be read", async () => {
    const work = await open();
    let isBroken = true;
    const run: WorkTree["git"]["run"] = (args, call) => work.git.run(isBroken ? ["no-such-command"] : args, call);
    const snapshots = createSnapshots({ ...work, git: { run } }, none);
    await snapshots.readAhead();
    snapshots.begin(await moment());
    await expect(snapshots.takeFirst()).rejects.toThrow("no-such-command");
    isBroken = false;
    expect((await snapshots.takeFirst()).unknown).toEqual(new Set());
  });
});

describe("a submodule", () => {
  const heads = (tree: string, work: WorkTree): Promise<string> =>
    work.git.run(["ls-tree", tree, "module"]).then(({ stdout }) => stdout.toString("utf8").split(/\s/)[2] ?? "");
  const inModule = (...args: string[]): string => git("-C", "module", ...args).trim();
  beforeEach(() => {
    git("init", "-q", "module");
    for (const text of ["first", "second"]) inModule("commit", "-q", "--allow-empty", "-m", text);
    git("update-index", "--add", "--cacheinfo", `160000,${inModule("rev-parse", "HEAD")},module`);
    inModule("checkout", "-q", "--detach", "HEAD~1");
  });

  it.each(["a directory", "a file"])(
    "is told by its HEAD and not by what is in it, its .git being %s",
    async (kind) => {
      if (kind === "a file") inModule("init", "-q", "--separate-git-dir", join(place, "module.git"));
      const work = await open();
      const snapshots = createSnapshots(work, none);
      const began = await moment();
      await write("module/made", "by the program\n");
      snapshots.begin(began);
      const { tree, unknown } = await snapshots.takeFirst();
      expect([...unknown]).toEqual([]);
      expect(await heads(tree, work)).toBe(inModule("rev-parse", "HEAD"));
      expect(await changesSince(work, snapshots, tree)).toEqual([]);
    },
  );

  it("is not known where its HEAD moved before it was looked at", async () => {
    const snapshots = createSnapshots(await open(), none);
    snapshots.begin(await moment());
    inModule("commit", "-q", "--allow-empty", "-m", "by the program");
    expect([...(await snapshots.takeFirst()).unknown]).toEqual(["module"]);
  });
});

describe("a snapshot", () => {
  it("goes on beside a conflict, a nested repository and names of all kinds", async () => {
    const stages = [1, 2, 3].map((stage) => `100644 ${git("rev-parse", "HEAD:edited").trim()} ${stage}\tedited\n`);
    git("rm", "-q", "--cached", "edited");
    execFileSync("git", ["update-index", "--index-info"], { cwd: inTree(""), input: stages.join("") });
    const work = await open();
    const snapshots = createSnapshots(work, async () => (path) => path === "ours");
    const began = await moment();
    await appendFile(inTree("edited"), "at once: what was there before it is not known\n");
    const before = await takeAt(snapshots, began);
    const names = ["ours", "-n", "a\nb", "ü", ":(top)x", "sub", "kept/file"];
    for (const name of ["sub", "kept"]) await rm(inTree(name), { recursive: true });
    await mkdir(inTree("kept"));
    for (const name of names) await write(name, "1\n");
    execFileSync("sh", ["-c", "printf '1\\n' > \"$(printf 'latin\\377')\"; git init -q empty"], { cwd: inTree("") });
    const told = await changesSince(work, snapshots, before);
    expect(told.map(([change, path]) => `${change} ${path}`).toSorted()).toEqual([
      "added -n",
      "added :(top)x",
      "added a\nb",
      "added kept/file",
      "added latin\ufffd",
      "added sub",
      "added ü",
      "deleted kept",
    ]);
    expect(snapshots.leftOut()).toEqual(["empty"]);
  });

  it("goes on beside files that are not in their encoding, without asking Git again, and takes one that is mended", async () => {
    let calls = 0;
    const work = await open();
    const run: WorkTree["git"]["run"] = (args, call) => ((calls += 1), work.git.run(args, call));
    const snapshots = createSnapshots({ ...work, git: { run } }, none);
    const before = await takeAt(snapshots, await moment());
    calls = 0;
    expect(await snapshots.take()).toBe(before);
    const least = calls;
    await write(".gitattributes", "*.u working-tree-encoding=UTF-16\n");
    for (let at = 0; at < 30; at += 1) await write(`${at}.u`, "abc");
    const after = await snapshots.take();
    expect((await changesBetween(work.git, before, after)).map(({ path }) => path)).toEqual([".gitattributes"]);
    expect(calls).toBeLessThanOrEqual(least + 6);
    calls = 0;
    expect(await snapshots.take()).toBe(after);
    expect(calls).toBe(least);
    expect(snapshots.leftOut()).toHaveLength(30);
    await writeFile(inTree("7.u"), "\uFEFFabc\n", "utf16le");
    expect(await changesSince(work, snapshots, after)).toEqual([["added", "7.u", 1]]);
    expect(snapshots.leftOut()).toHaveLength(29);
  });

  it("takes a link in place of a directory", async () => {
    const work = await open();
    await mkdir(inTree("dir"));
    await write("dir/file", "");
    const snapshots = createSnapshots(work, none);
    const before = await takeAt(snapshots, await moment());
    await rename(inTree("dir"), inTree("moved-dir"));
    await symlink("moved-dir", inTree("dir"));
    expect(await changesSince(work, snapshots, before)).toEqual([
      ["added", "dir", 1],
      ["renamed", "moved-dir/file", 0],
    ]);
    expect(snapshots.leftOut()).toEqual([]);
  });

  it("tells a large file by its size and time, and is content to read it once it is small", async () => {
    const work = await open();
    const snapshots = createSnapshots(work, none);
    await write("large", "");
    await truncate(inTree("large"), MAX_FILE_BYTES + 1);
    let before = await takeAt(snapshots, await moment());
    const step = async (): Promise<Told> => {
      const told = await changesSince(work, snapshots, before);
      before = await snapshots.take();
      return told;
    };
    expect(await step()).toEqual([]);
    expect(snapshots.largeChanged()).toEqual([]);
    await appendFile(inTree("large"), "more");
    expect(await step()).toEqual([["modified", "large", undefined]]);
    expect(snapshots.largeChanged()).toEqual(["large"]);
    await rename(inTree("large"), inTree("larger"));
    expect(await step()).toEqual([["renamed", "larger", undefined]]);
    await write("larger", "small\n");
    expect(await step()).toEqual([["modified", "larger", undefined]]);
    await rm(inTree("larger"));
    expect(await step()).toEqual([["deleted", "larger", 0]]);
  });
});
