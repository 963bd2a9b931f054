import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { nameOf } from "#nervous-system/git/paths.ts";
import { findPlaces, lookAt } from "#nervous-system/git/places.ts";
import { createStager, type Stager } from "#nervous-system/git/stage-places.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";

let place: string;
let git: Git;
let calls: number;
let stage: Stager;
const inTree = (name: string): string => join(place, "tree", name);
const write = (name: string, text: string): Promise<void> => writeFile(inTree(name), text);
const staged = async (): Promise<string[]> => (await mustRun(git, ["ls-files", "-z"])).toString().split("\0");

/** Stages all that differs; answers what was refused, and how many calls of Git that took. */
const look = async (): Promise<{ refused: string[]; calls: number }> => {
  const places = await lookAt(inTree(""), await findPlaces(git));
  calls = 0;
  const refused = await stage(places);
  return { refused: refused.map(({ path, why }) => `${nameOf(path)} ${why}`), calls };
};

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "stage-places-"));
  await mkdir(inTree(""));
  git = createGit({ dir: inTree(""), env: { PATH: process.env["PATH"] }, clock: systemClock() });
  await mustRun(git, ["init", "-q"]);
  const counting: Git = { run: (args, call) => ((calls += 1), git.run(args, call)) };
  stage = createStager({ git: counting, top: inTree(""), index: inTree(".git/index") });
});
afterEach(() => rm(place, { recursive: true }));

const unencodable = "is not in the encoding that .gitattributes says";

describe("staging beside what Git cannot take", () => {
  it("finds thirty files among a thousand by three calls, and asks no more for what stays as it is", async () => {
    await write(".gitattributes", "*.u working-tree-encoding=UTF-16\n");
    for (let at = 0; at < 1000; at += 1) await write(at % 33 === 7 ? `${at}.u` : `${at}`, "abc");
    const first = await look();
    expect(first.refused).toHaveLength(31);
    expect(first.refused).toContain(`7.u ${unencodable}`);
    expect(first.calls).toBe(3);
    expect(await staged()).toHaveLength(1000 + 1 + 1 - 31);
    expect(await look()).toEqual({ ...first, calls: 0 });
    await write("another", "");
    expect(await look()).toEqual({ ...first, calls: 1 });
  });

  it("takes a file once it, or what is asked of it, is another", async () => {
    await mkdir(inTree("d/e"), { recursive: true });
    for (const name of ["a", "d/b", "d/e/c"]) await write(name, "abc");
    await write(".gitattributes", "a working-tree-encoding=UTF-16\n");
    await write("d/.gitattributes", "b working-tree-encoding=UTF-16\nc working-tree-encoding=UTF-16\n");
    expect((await look()).refused).toEqual(["a", "d/b", "d/e/c"].map((name) => `${name} ${unencodable}`));
    await writeFile(inTree("a"), "\uFEFFabc", "utf16le");
    expect((await look()).refused).toEqual(["d/b", "d/e/c"].map((name) => `${name} ${unencodable}`));
    await write("d/.gitattributes", "b working-tree-encoding=UTF-16\n");
    expect((await look()).refused).toEqual([`d/b ${unencodable}`]);
    await rm(inTree("d/.gitattributes"));
    expect((await look()).refused).toEqual([]);
    expect(await staged()).toEqual([".gitattributes", "a", "d/b", "d/e/c", ""]);
  });

  it("takes what is behind repositories without commits, and those once they have one", async () => {
    for (const name of ["a", "c", "e"]) await mustRun(git, ["init", "-q", name]);
    for (const name of ["b", "d", "f"]) await write(name, "");
    const first = await look();
    expect(first.refused).toEqual(["a", "c", "e"].map((name) => `${name} is a Git repository of its own`));
    expect((await look()).calls).toBe(0);
    const identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
    await mustRun(git, ["-C", "c", ...identity, "commit", "-q", "--allow-empty", "-m", "first"]);
    expect((await look()).refused).toEqual(["a", "e"].map((name) => `${name} is a Git repository of its own`));
    expect(await staged()).toEqual(["b", "c", "d", "f", ""]);
  });

  it("knows them by whatever bytes their names are", async () => {
    await write(".gitattributes", "odd* working-tree-encoding=UTF-16\n");
    for (const name of ["odd\u00FF", "odd\u0001", "odd'"]) await writeFile(Buffer.from(inTree(name), "latin1"), "abc");
    await mkdir(inTree("git~1"));
    await write("git~1/x", "");
    expect((await look()).refused.toSorted()).toEqual([
      "git~1/x has a name that Git does not take",
      ...["odd\u0001", "odd'", "odd\uFFFD"].map((name) => `${name} ${unencodable}`),
    ]);
    expect(await staged()).toEqual([".gitattributes", ""]);
  });

  it("knows what is gone where a directory became a link", async () => {
    await mkdir(inTree("d"));
    await write("d/f", "");
    await look();
    await rename(inTree("d"), inTree("e"));
    await symlink("e", inTree("d"));
    expect((await look()).refused).toEqual([]);
    expect(await staged()).toEqual(["d", "e/f", ""]);
  });

  it.each([
    ["index is locked", ".git/index.lock", "index.lock"],
    ["objects cannot be written", ".git/objects/e6", "Unable to process path x"], // where that of an empty file goes
  ])("takes it for no fault of a file that the %s", async (_, file, message) => {
    await write("x", "");
    await write(file, "");
    await expect(look()).rejects.toThrow(message);
    await rm(inTree(file));
    expect(await look()).toEqual({ refused: [], calls: 1 });
  });
});
