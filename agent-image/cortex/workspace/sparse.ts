import { transcode } from "node:buffer";
import type { Git } from "#nervous-system/git/git.ts";
import { parseRawDiff, type RawChange } from "#nervous-system/git/raw-diff.ts";
import { RepositoryFailure, type Repository } from "./repository.ts";

const maxListBytes = 64 * 1024 * 1024;

// Names are bytes and need not be UTF-8: here each byte of one is a character.
const asBytes = (text: string): Buffer => Buffer.from(text, "latin1");

const deletedIn = (diff: Buffer): readonly RawChange[] => {
  const changes = parseRawDiff(transcode(diff, "latin1", "utf8"));
  if (changes === undefined) throw new RepositoryFailure("the difference to what was seen last cannot be read");
  return changes.filter(({ newMode }) => newMode === "000000");
};

/** Paths that the agent's own repository leaves out of its checkout (`git sparse-checkout`): they are not there, and not deleted. */
const pathsOutside = async (working: Git): Promise<ReadonlySet<string>> => {
  const listed = await working.run(["ls-files", "-t", "-z"], { maxOutputBytes: maxListBytes });
  // A command may have broken the agent's own repository; then nothing is known to be left out.
  const entries = listed.kind === "ok" ? listed.stdout.toString("latin1").split("\0") : [];
  return new Set(entries.filter((entry) => entry.startsWith("S ")).map((entry) => entry.slice(2)));
};

/** Puts files that are only outside of a sparse checkout back into the staged tree; `before` is the tree seen last. */
export const keepOutside = async ({ record, working }: Repository, before: string, after: string): Promise<boolean> => {
  const diff = await record.run(["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", before, after]);
  if (diff.kind === "failed") throw new RepositoryFailure(diff.message);
  const deleted = deletedIn(diff.stdout);
  if (deleted.length === 0) return false;
  const outside = await pathsOutside(working);
  const kept = deleted.filter(({ path }) => outside.has(path));
  if (kept.length === 0) return false;
  const input = kept.map(({ oldMode, oldId, path }) => `${oldMode} ${oldId}\t${path}\0`).join("");
  const restored = await record.run(["update-index", "-z", "--index-info"], { input: asBytes(input) });
  if (restored.kind === "failed") throw new RepositoryFailure(restored.message);
  return true;
};
