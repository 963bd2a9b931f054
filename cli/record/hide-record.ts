import { appendFile } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import type { Host } from "../host.ts";

// In a pattern these would mean something else.
const escapePattern = (path: string): string => path.replaceAll(/[\\*?[\]!# ]/g, String.raw`\$&`);

const linesOf = async (git: Git, args: readonly string[]): Promise<string[] | undefined> => {
  const result = await git.run(args);
  return result.kind === "ok" ? result.stdout.toString("utf8").trimEnd().split("\n") : undefined;
};

/**
 * Keeps the record out of the work tree that it lies in: `git add -A` does not commit it, `git stash -u` does not take it away.
 * The rule stands in the repository's own `info/exclude`, which nobody commits. Does nothing where the record is tracked or
 * ignored already, or outside a work tree.
 */
export const hideRecord = async (host: Pick<Host, "env" | "clock">, path: string): Promise<void> => {
  const dir = dirname(path);
  const git = createGit({ env: host.env, dir, clock: host.clock, safeDirectories: ["*"] });
  const [top, exclude] = (await linesOf(git, ["rev-parse", "--show-toplevel", "--git-path", "info/exclude"])) ?? [];
  if (top === undefined || exclude === undefined) return;
  const inside = relative(top, path);
  if (inside.startsWith("..") || isAbsolute(inside)) return;
  // Exit code 0 of either: it is ignored, it is tracked.
  if ((await linesOf(git, ["check-ignore", "--quiet", "--", path])) !== undefined) return;
  if ((await linesOf(git, ["ls-files", "--error-unmatch", "--", path])) !== undefined) return;
  const file = resolve(dir, exclude);
  await makeDirectory(dirname(file));
  await appendFile(file, `\n# the record of \`enchanted\`\n/${escapePattern(inside)}\n`);
};
