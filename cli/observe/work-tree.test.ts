import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, chmod, chown, mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changesBetween } from "#nervous-system/git/file-changes.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createSnapshots, type Snapshots } from "./snapshots.ts";
import { openWorkTree, type WorkTree } from "./work-tree.ts";

let place: string;
const inTree = (name: string): string => join(place, "tree", name);
const write = (name: string, text: string): Promise<void> => writeFile(inTree(name), text);
const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], {
    cwd: inTree(""),
    encoding: "utf8",
    env: { ...process.env, HOME: place },
  });

const makeTree = async (...init: string[]): Promise<void> => {
  await mkdir(inTree("sub"), { recursive: true });
  git("init", "-q", ...init);
  for (const name of ["a.txt", "sub/b.txt"]) await write(name, `${name}\n`);
  git("add", "-A");
  git("commit", "-qm", "first");
};

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "work-tree-"));
  await mkdir(join(place, "ours"));
});
afterEach(() => rm(place, { recursive: true }));

const open = async (cwd = inTree(""), more: Record<string, string> = {}): Promise<WorkTree> => {
  const env = { PATH: process.env["PATH"], HOME: place, ...more };
  const { signal } = new AbortController();
  const work = await openWorkTree({ host: { cwd, env, clock: systemClock() }, directory: join(place, "ours"), signal });
  if (work === undefined) throw new Error("no work tree");
  return work;
};

/** Waits until a file that changes has another change time, of which Git compares the seconds. */
const nextSecond = async (): Promise<void> => {
  const now = async (): Promise<number> => {
    await write("../clock", "");
    return Math.trunc((await stat(inTree("../clock"))).ctimeMs / 1000);
  };
  const before = await now();
  while ((await now()) === before) await new Promise(setImmediate);
};

type Look = () => Promise<string[]>;

/** Tells what changed since the last look. */
const looks = async (work: WorkTree): Promise<Look> => {
  const snapshots: Snapshots = createSnapshots(work, async () => () => false);
  let before = await snapshots.take();
  return async () => {
    const after = await snapshots.take();
    const changes = await changesBetween(work.git, before, after);
    before = after;
    return changes.map(({ change, path }) => `${change} ${path}`);
  };
};

/** A driver that says that it ran, and shows what was committed. */
const driver = async (): Promise<string> => {
  const path = join(place, "driver");
  await writeFile(path, `#!/bin/sh\ntouch ${join(place, "ran")}\necho a.txt\n`);
  await chmod(path, 0o755);
  return path;
};

describe("a repository's own settings", () => {
  beforeEach(() => makeTree());

  it.each(["before", "after"])("run no filter and hide no change: set %s the work tree is opened", async (when) => {
    const set = async (): Promise<void> => {
      git("config", "filter.x.clean", await driver());
      git("config", "filter.y.process", await driver());
      git("config", "filter.y.required", "true");
      await write(".git/info/attributes", "a.txt filter=x\n");
      await write("sub/.gitattributes", "* filter=y\n");
    };
    if (when === "before") await set();
    const look = await looks(await open());
    if (when === "after") await set();
    for (const name of ["a.txt", "sub/b.txt", "sub/c.txt"]) await write(name, "other\n");
    expect(await look()).toEqual(expect.arrayContaining(["modified a.txt", "modified sub/b.txt", "added sub/c.txt"]));
    expect(existsSync(join(place, "ran"))).toBe(false);
  });

  it("lead nobody out of the work tree", async () => {
    const look = await looks(await open());
    await mkdir(join(place, "private"));
    await writeFile(join(place, "private/key"), "secret\n");
    git("config", "core.worktree", join(place, "private"));
    await write("new", "x\n");
    expect(await look()).toEqual(["added new"]);
  });

  it.each([
    ["core.checkStat", "minimal"],
    ["core.trustctime", "false"],
    ["core.fileMode", "false"],
    ["core.bare", "true"],
  ])("hide no change by %s=%s", async (key, value) => {
    const old = new Date(1_000_000_000_000);
    for (const name of ["a.txt", "sub/b.txt"]) await utimes(inTree(name), old, old);
    const look = await looks(await open());
    git("config", key, value);
    await nextSecond();
    await write("a.txt", "A.TXT\n");
    await utimes(inTree("a.txt"), old, old);
    await chmod(inTree("sub/b.txt"), 0o755);
    expect(await look()).toEqual(["modified a.txt", "modified sub/b.txt"]);
  });

  it("say how files are read, as they were when it was opened", async () => {
    git("config", "core.autocrlf", "input");
    git("config", "core.fileMode", "false");
    const look = await looks(await open());
    await write("a.txt", "a.txt\r\n");
    await chmod(inTree("sub/b.txt"), 0o755);
    expect(await look()).toEqual([]);
  });

  it("hide what its own rules and the user's hid from the beginning", async () => {
    await appendFile(inTree(".git/info/exclude"), "*.theirs");
    await mkdir(join(place, ".config/git"), { recursive: true });
    await writeFile(join(place, ".config/git/ignore"), "*.mine");
    const look = await looks(await open());
    await appendFile(inTree(".git/info/exclude"), "\n*.late\n");
    for (const name of ["a.mine", "a.theirs", "a.late"]) await write(name, "x\n");
    expect(await look()).toEqual(["added a.late"]);
  });
});

describe("a work tree", () => {
  it.each([
    ["of objects named by SHA-256", ["--object-format=sha256"], []],
    ["with a split index", [], ["update-index", "--split-index"]],
  ])("%s is observed", async (_, init, then) => {
    await makeTree(...init);
    if (then.length > 0) git(...then);
    const look = await looks(await open());
    await write("a.txt", "other\n");
    expect(await look()).toEqual(["modified a.txt"]);
  });

  it("that is a linked one is observed, with its own commit", async () => {
    await makeTree();
    git("worktree", "add", "-q", "-b", "side", join(place, "linked"));
    git("-C", join(place, "linked"), "commit", "-q", "--allow-empty", "-m", "second");
    const work = await open(join(place, "linked"));
    expect(work.commit).toBe(git("rev-parse", "side").trim());
    const look = await looks(work);
    await writeFile(join(place, "linked/a.txt"), "other\n");
    expect(await look()).toEqual(["modified a.txt"]);
  });

  it("is observed where there is no place for our state", async () => {
    await makeTree();
    await writeFile(join(place, "file"), "");
    const look = await looks(await open(inTree(""), { XDG_STATE_HOME: join(place, "file") }));
    await write("a.txt", "other\n");
    expect(await look()).toEqual(["modified a.txt"]);
  });

  it.each(["index", "info/exclude"])("with a FIFO in place of %s holds nobody back", async (name) => {
    await makeTree();
    await rm(inTree(`.git/${name}`));
    execFileSync("mkfifo", [inTree(`.git/${name}`)]);
    const look = await looks(await open());
    await write("a.txt", "other\n");
    expect(await look()).toEqual(["modified a.txt"]);
  });

  it("with a FIFO in place of its settings is not observed, which is said", async () => {
    await makeTree();
    await rm(inTree(".git/config"));
    execFileSync("mkfifo", [inTree(".git/config")]);
    await expect(open()).rejects.toThrow("Git did not find the repository within 2000 ms");
  });
});

describe("a repository of another user", () => {
  // Only root can give a directory away.
  const asRoot = process.getuid?.() === 0 ? it : it.skip;
  asRoot("is not observed, and Git's remedy is told, until the user trusts it", async () => {
    await makeTree();
    for (const name of ["", ".git"]) await chown(inTree(name), 65_534, 65_534);
    const refused = await open(inTree("sub")).then(
      () => "",
      (error: unknown) => (error as Error).message,
    );
    const [, remedy = ""] =
      /dubious ownership in .*; if you trust whoever owns it: (git config .*)$/.exec(refused) ?? [];
    execFileSync("sh", ["-c", remedy], { env: { PATH: process.env["PATH"], HOME: place } });
    expect(await readFile(join(place, ".gitconfig"), "utf8")).toContain("[safe]");
    const look = await looks(await open(inTree("sub")));
    await write("a.txt", "other\n");
    expect(await look()).toEqual(["modified a.txt"]);
  });
});
