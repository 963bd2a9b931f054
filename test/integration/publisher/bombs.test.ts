import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultPolicy } from "#nervous-system/git/change-policy.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { inspectBundle, serverRef, takeBundle } from "#supervisor/publish/inspect-bundle.ts";
import type { Proposal } from "#supervisor/publish/proposal.ts";
import { createScratchRepository, fetchOnly, type ScratchRepository } from "#supervisor/publish/scratch-repository.ts";
import { packBundle, packCopies, packObject, packTree, type PackEntry } from "#test/builders/pack.ts";
import { createSeed } from "#test/integration/publisher/coder-workspace.ts";

let root: string;
let seed: Awaited<ReturnType<typeof createSeed>>;
let scratch: ScratchRepository;
const clock = systemClock();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bombs-"));
  seed = await createSeed(root);
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  const options = { scratchDir: join(root, "scratch"), env: { PATH: process.env["PATH"] }, clock };
  scratch = await createScratchRepository({ ...options, maxRepositoryBytes: 2 ** 30 }, seed.base);
  expect(await scratch.inspect.run([...fetchOnly, seed.dir, `main:${serverRef}`])).toMatchObject({ kind: "ok" });
});
afterEach(() => scratch.remove());

const inspect = async (tree: PackEntry, entries: readonly PackEntry[]) => {
  const { bundle, head } = packBundle(seed.base, tree, entries);
  const proposal = { base: seed.base, head, branch: "main" } as Proposal;
  expect(await takeBundle(scratch, bundle, proposal)).toMatchObject({ kind: "ok" });
  return { size: bundle.length, verdict: await inspectBundle(scratch, proposal, defaultPolicy) };
};

const kB = 1000;
const MiB = 1024 ** 2;
const one = packObject("blob", Buffer.from("1"));
const many = (count: number, entry: (n: number) => readonly [string, string, PackEntry]): PackEntry =>
  packTree(Array.from({ length: count }, (_, n) => entry(n)));
const padded = (n: number): string => String(n).padStart(6, "0");

/** Folders in folders, each of them so many times the one below: of a few objects, more paths than anybody can list. */
const folders = (lowest: PackEntry, depth: number, width: number): PackEntry[] => {
  const trees = [lowest];
  for (let at = 0; at < depth; at += 1)
    trees.push(many(width, (n) => ["40000", `d${padded(n)}`, trees.at(-1) ?? lowest]));
  return trees;
};

describe("a bundle that unfolds", () => {
  it("to files of half a gigabyte is refused before Git has them in memory", async () => {
    const content = Buffer.alloc(MiB);
    const base = packObject("blob", content);
    const copies = Array.from({ length: 3 }, (_, n) => packCopies(base, content, 500, n));
    const tree = packTree(copies.map((copy, n) => ["100644", padded(n), copy]));
    const { size, verdict } = await inspect(tree, [base, ...copies]);
    expect(size).toBeLessThan(4 * kB);
    expect(verdict).toMatchObject({ kind: "refused", reason: "BundleTooLarge" });
  }, 120_000);

  it("to one large file is read piece by piece, and refused for its size", async () => {
    const large = packObject("blob", Buffer.alloc(400 * MiB));
    const { size, verdict } = await inspect(packTree([["100644", "large", large]]), [large]);
    expect(size).toBeLessThan(500 * kB);
    expect(verdict).toMatchObject({
      kind: "refused",
      reason: "BundleTooLarge",
      message: expect.stringContaining("the changed files hold"),
    });
  }, 120_000);

  it("to more paths than memory can hold is refused for them", async () => {
    const trees = folders(
      many(20, (n) => ["100644", padded(n), one]),
      12,
      20,
    );
    const { size, verdict } = await inspect(trees.at(-1) ?? one, [one, ...trees.slice(0, -1)]);
    expect(size).toBeLessThan(4 * kB);
    expect(verdict).toMatchObject({ kind: "refused", reason: "BundleTooLarge" });
  }, 120_000);

  it("to folders without end that hold nothing is refused for the time that they take", async () => {
    const trees = folders(packTree([]), 12, 20);
    const { size, verdict } = await inspect(trees.at(-1) ?? one, trees.slice(0, -1));
    expect(size).toBeLessThan(4 * kB);
    expect(verdict).toMatchObject({ kind: "refused", reason: "BundleTooLarge" });
  }, 300_000);

  it("to one name of megabytes is refused for its length", async () => {
    const tree = packTree([["100644", `${".".repeat(3 * MiB)}x`, one]]);
    const { size, verdict } = await inspect(tree, [one]);
    expect(size).toBeLessThan(5 * kB);
    expect(verdict).toMatchObject({ kind: "refused", reason: "PathNotAllowed" });
    expect((verdict as { message: string }).message.length).toBeLessThan(400);
  }, 120_000);

  it("to a long list of files is refused for their number", async () => {
    const { verdict } = await inspect(
      many(400_000, (n) => ["100644", padded(n), one]),
      [one],
    );
    expect(verdict).toMatchObject({ kind: "refused", reason: "TooManyFiles" });
  }, 120_000);
});

describe("a bundle of what a change may hold", () => {
  it("passes: many files of 60 MiB together", async () => {
    const files = Array.from({ length: 190 }, (_, n) =>
      packObject("blob", Buffer.from(`${n}\n${"0123456789abcde\n".repeat(19_600)}`)),
    );
    const tree = packTree(files.map((file, n) => ["100644", `f${padded(n)}`, file]));
    expect((await inspect(tree, files)).verdict).toMatchObject({ kind: "ok" });
  }, 120_000);
});
