import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findSpellings } from "#nervous-system/git/find-spellings.ts";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { judgeChange } from "#nervous-system/git/judge-change.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { parseTrees } from "#nervous-system/git/tree-objects.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";

let dir: string;
let git: Git;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "spellings-"));
  git = createGit({ gitDir: dir, env: { PATH: process.env["PATH"] }, clock: systemClock() });
  await mustRun(git, ["init", "-q", "--bare"]);
});
afterEach(() => rm(dir, { recursive: true }));

const write = async (args: readonly string[], input: string | Buffer): Promise<string> =>
  (await mustRun(git, args, { input })).toString().trim();
const blob = (text: string): Promise<string> => write(["hash-object", "-w", "--stdin"], text);
/** A tree object as anybody can write it; entries are `mode name id`. */
const tree = (entries: ReadonlyArray<readonly [string, string | Buffer, string]>): Promise<string> =>
  write(
    ["hash-object", "-w", "-t", "tree", "--literally", "--stdin"],
    Buffer.concat(
      entries.flatMap(([mode, name, id]) => [
        Buffer.concat([Buffer.from(`${mode} `), Buffer.from(name), Buffer.from([0])]),
        Buffer.from(id, "hex"),
      ]),
    ),
  );

describe("findSpellings", () => {
  it("finds every spelling of a wanted path, files and folders, and reads no other folder", async () => {
    const file = await blob("1");
    const missing = "9".repeat(40); // looking into it would find nothing to read
    const src = await tree([
      ["100644", "Add.js", file],
      ["100644", "other.js", file],
    ]);
    const top = await tree([
      ["40000", "SRC", src],
      ["40000", "src", src],
      ["40000", "vendor", missing],
      ["100644", Buffer.from([0x73, 0xff]), file],
    ]);
    const found = await findSpellings(git, top, new Set(["src", "src/add.js"]));
    expect(found?.toSorted()).toEqual(["SRC", "SRC/Add.js", "src", "src/Add.js"]);
    expect(await findSpellings(git, top, new Set(["lib"]))).toEqual([]);
  });

  it("gives up on a tree that spells each of many folders in many ways, of which a few objects make billions", async () => {
    const spellings = Array.from({ length: 64 }, (_, n) =>
      Array.from("abcdef")
        .map((letter, bit) => (n & (1 << bit) ? letter.toUpperCase() : letter))
        .join(""),
    ).toSorted();
    let id = await tree([["100644", "f", await blob("1")]]);
    const folded = ["f"];
    for (let depth = 0; depth < 6; depth += 1) {
      const child = id;
      id = await tree(spellings.map((name) => ["40000", name, child] as const));
      folded.push("abcdef");
    }
    const wanted = new Set(
      folded.slice(1).map((_, depth) =>
        Array(depth + 1)
          .fill("abcdef")
          .join("/"),
      ),
    );
    expect(await findSpellings(git, id, wanted)).toBeUndefined();
  });
});

describe("judgeChange", () => {
  it("judges a change in a large tree by the folders that it touches", async () => {
    const file = await blob("1");
    const many = await tree(
      Array.from({ length: 20_000 }, (_, n) => ["100644", `f${String(n).padStart(6, "0")}`, file]),
    );
    const base = await tree([
      ["40000", "data", many],
      ["100644", "readme", file],
    ]);
    const head = await tree([
      ["100644", "README", file],
      ["40000", "data", many],
      ["100644", "readme", file],
    ]);
    const printed: number[] = [];
    const measured: Git = {
      run: async (args, options) => {
        const result = await git.run(args, options);
        printed.push(result.stdout.length);
        return result;
      },
    };
    expect(await judgeChange(measured, base, head)).toMatchObject({ kind: "refused", reason: "PathNotAllowed" });
    expect(Math.max(...printed)).toBeLessThan(10_000);
  });

  it("refuses a change of more paths than it would read", async () => {
    const file = await blob("1");
    let folder = await tree(Array.from({ length: 300 }, (_, n) => ["100644", `${n}`.padStart(3, "0"), file]));
    const base = await tree([]);
    for (const name of ["x", "y"]) {
      const child = folder;
      folder = await tree(Array.from({ length: 20 }, (_, n) => ["40000", `${name}${`${n}`.padStart(2, "0")}`, child]));
    }
    expect(await judgeChange(git, base, folder)).toMatchObject({ kind: "refused", reason: "TooManyFiles" });
  });
});

describe("parseTrees", () => {
  const id = Buffer.alloc(20, 7);
  const printed = (entries: number): Buffer => {
    const one = Buffer.concat([Buffer.from("100644 name\0"), id]);
    const body = Buffer.concat(Array.from({ length: entries }, () => one));
    return Buffer.concat([Buffer.from(`${"a".repeat(40)} tree ${body.length}\n`), body, Buffer.from("\n")]);
  };

  it("reads trees one after the other, and nothing for what is none, whatever the bytes", () => {
    const output = Buffer.concat([printed(2), Buffer.from("x missing\n"), printed(0)]);
    expect(parseTrees(output)).toEqual([
      Array.from({ length: 2 }, () => ({ mode: "100644", isTree: false, name: "name", id: id.toString("hex") })),
      undefined,
      [],
    ]);
    expect(parseTrees(Buffer.from(`${"a".repeat(40)} tree 9\n100644 na`))).toEqual([[]]);
    expect(parseTrees(Buffer.from("a".repeat(100)))).toEqual([undefined]);
  });

  it("takes time by the length of what it reads", () => {
    const one = (n: number) => {
      const output = printed(n);
      return () => parseTrees(output);
    };
    const many = (n: number) => {
      const output = Buffer.concat(Array.from({ length: n }, () => printed(1)));
      return () => parseTrees(output);
    };
    const unclosed = (n: number) => {
      const output = Buffer.from(`${"a".repeat(40)} tree ${n}\n${"1 ".repeat(n / 2)}`);
      return () => parseTrees(output);
    };
    for (const make of [one, many, unclosed]) expect(growthOf(10_000, make)).toBeLessThan(mostGrowth);
  });
});
