import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, isAbsolute, relative } from "node:path";
import { createGit } from "#nervous-system/git/git.ts";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import { BEFORE_PROGRAM_MS, findRepository } from "../find-repository.ts";
import type { Host } from "../host.ts";

// In a pattern these would mean something else.
const escapePattern = (path: string): string => path.replaceAll(/[\\*?[\]!# ]/g, String.raw`\$&`);

/** Appends to a regular file, or makes it: a link may lead to any file of the user's, and a FIFO takes nothing. */
const appendToFile = async (path: string, text: string): Promise<void> => {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
  try {
    const stats = await file.stat();
    if (stats.isFile() && stats.nlink === 1) await file.appendFile(text);
  } finally {
    await file.close();
  }
};

/**
 * Keeps the record out of the work tree that it lies in: `git add -A` does not commit it, `git stash -u` does not take it away.
 * The rule stands in the repository's own `info/exclude`, which nobody commits. Does nothing where the record is tracked or
 * ignored already, or outside a work tree; rejects where Git refuses the repository, or does not answer in time.
 */
export const hideRecord = async (host: Pick<Host, "env" | "clock">, path: string): Promise<void> => {
  const found = await findRepository(host, dirname(path));
  if (found === undefined) return;
  const { top, gitDir, exclude } = found;
  const inside = relative(top, path);
  if (inside.startsWith("..") || isAbsolute(inside)) return;
  const git = createGit({ env: host.env, dir: top, gitDir, clock: host.clock, timeoutMs: BEFORE_PROGRAM_MS });
  const asked = await Promise.all(
    [
      ["check-ignore", "--quiet"],
      ["ls-files", "--error-unmatch"],
    ].map((args) => git.run([...args, "--", path], { env: { GIT_WORK_TREE: top } })),
  );
  // It is ignored, or tracked, or nobody knows.
  if (asked.some((answer) => answer.kind === "ok" || answer.reason === "TimedOut")) return;
  await makeDirectory(dirname(exclude));
  await appendToFile(exclude, `\n# the record of \`enchanted\`\n/${escapePattern(inside)}\n`);
};
