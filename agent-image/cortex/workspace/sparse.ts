import type { Buffer } from "node:buffer";
import type { Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { parseList, renderList, type Path } from "#nervous-system/git/paths.ts";
import { parseRawDiff, type RawChange } from "#nervous-system/git/raw-diff.ts";
import { RepositoryFailure, type Repository } from "./repository.ts";

const maxListBytes = 64 * 1024 * 1024;

const deletedIn = (diff: Buffer): readonly RawChange[] => {
  const changes = parseRawDiff(diff);
  if (changes === undefined) throw new RepositoryFailure("the difference to what was seen last cannot be read");
  return changes.filter(({ newMode }) => newMode === "000000");
};

/** Paths that the agent's own repository leaves out of its checkout (`git sparse-checkout`): they are not there, and not deleted. */
const pathsOutside = async (working: Git): Promise<ReadonlySet<Path>> => {
  const listed = await working.run(["ls-files", "-t", "-z"], { maxOutputBytes: maxListBytes });
  // A command may have broken the agent's own repository; then nothing is known to be left out.
  const entries = listed.kind === "ok" ? parseList(listed.stdout) : [];
  return new Set(entries.filter((entry) => entry.startsWith("S ")).map((entry) => entry.slice(2)));
};

/** Puts files that are only outside of a sparse checkout back into the staged tree; `before` is the tree seen last. */
export const keepOutside = async ({ record, working }: Repository, before: string, after: string): Promise<boolean> => {
  const args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", before, after];
  const deleted = deletedIn(await mustRun(record, args));
  if (deleted.length === 0) return false;
  const outside = await pathsOutside(working);
  const kept = deleted.filter(({ path }) => outside.has(path));
  if (kept.length === 0) return false;
  const input = renderList(kept.map(({ oldMode, oldId, path }) => `${oldMode} ${oldId}\t${path}`));
  await mustRun(record, ["update-index", "-z", "--index-info"], { input });
  return true;
};
