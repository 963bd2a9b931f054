import { copyFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import { createGit } from "#nervous-system/git/git.ts";
import type { StagedTree } from "#nervous-system/git/stage-places.ts";
import type { Host } from "../host.ts";
import { userIgnores } from "./user-ignores.ts";

/** A Git work tree, with an index and an object directory of our own beside it, which Git works on: the repository is only read. */
export type WorkTree = StagedTree & {
  /** What is checked out; undefined before the first commit. */
  readonly commit: string | undefined;
  /** A copy of our index as it was when the work tree was opened, or as it was kept later. */
  readonly firstIndex: string;
};

/** Which work tree is opened, where our part of it is kept, and what ends every call. */
export type WorkTreeOptions = { host: Pick<Host, "cwd" | "env" | "clock">; directory: string; signal: AbortSignal };

const TIMEOUT_MS = 120_000;
// The names of a million files.
const MAX_OUTPUT_BYTES = 128 * 1024 * 1024;

const settings: ReadonlyArray<readonly [string, string]> = [
  ["core.splitIndex", "false"],
  ["core.safecrlf", "false"],
];

/** Finds the work tree that a directory is in; undefined where there is none, or no Git. */
export const openWorkTree = async ({ host, directory, signal }: WorkTreeOptions): Promise<WorkTree | undefined> => {
  const { cwd, env, clock } = host;
  const git = createGit({ env, dir: cwd, clock, safeDirectories: ["*"] });
  const [found, head, excludesFile] = await Promise.all([
    git.run(["rev-parse", "--show-toplevel", "--git-path", "index", "--git-path", "objects"]),
    git.run(["rev-parse", "--verify", "--quiet", "HEAD"]),
    userIgnores(host),
  ]);
  const [top = "", index = "", objects = ""] = found.stdout.toString("utf8").split("\n");
  if (found.kind === "failed" || top === "") return undefined;
  const copies = { index: join(directory, "index"), firstIndex: join(directory, "first-index") };
  const own = {
    GIT_INDEX_FILE: copies.index,
    GIT_OBJECT_DIRECTORY: join(directory, "objects"),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: resolve(cwd, objects),
    GIT_OPTIONAL_LOCKS: "0",
  };
  // The repository's own index spares hashing every file; without one the first look hashes them.
  const copyIndex = (to: string): Promise<void> => copyFile(resolve(cwd, index), to).catch(() => undefined);
  await Promise.all([makeDirectory(own.GIT_OBJECT_DIRECTORY), copyIndex(copies.index), copyIndex(copies.firstIndex)]);
  const limits = { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_OUTPUT_BYTES };
  const ours = createGit({ env, dir: top, clock, safeDirectories: ["*"], ...limits, excludesFile, config: settings });
  return {
    top,
    commit: head.kind === "ok" ? head.stdout.toString("utf8").trim() : undefined,
    ...copies,
    git: { run: (args, call = {}) => ours.run(args, { signal, ...call, env: { ...own, ...call.env } }) },
  };
};
