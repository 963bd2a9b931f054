import { copyFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { parseList } from "#nervous-system/git/paths.ts";
import type { ConfigEntry } from "#nervous-system/git/protected-config.ts";
import type { StagedTree } from "#nervous-system/git/stage-places.ts";
import { BEFORE_PROGRAM_MS, findRepository, type FoundRepository } from "../find-repository.ts";
import type { Host } from "../host.ts";
import { stateOf } from "../own-places.ts";
import { userIgnores } from "./user-ignores.ts";

/** A Git work tree, with a repository of our own beside it, which Git works on: the user's is only read. */
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

const ourSettings: readonly ConfigEntry[] = [
  ["core.splitIndex", "false"],
  ["core.untrackedCache", "false"],
  ["core.safecrlf", "false"],
];

/** How the files are to be read, by the user's repository as it is now; a setting without a value is true. */
const settingsOf = async (git: Git): Promise<ConfigEntry[]> => {
  const names = "filemode|symlinks|ignorecase|precomposeunicode|autocrlf|eol";
  const found = await git.run(["config", "-z", "--get-regexp", `^core\\.(${names})$`]);
  return parseList(found.stdout).map((entry) => {
    const [key = "", value = "true"] = entry.split("\n");
    return [key, value];
  });
};

/** A regular file's content; empty where there is none. A FIFO would hold a reader for ever. */
const contentOf = async (path: string | undefined): Promise<Buffer> => {
  if (path === undefined || (await stat(path).catch(() => undefined))?.isFile() !== true) return Buffer.alloc(0);
  return readFile(path).catch(() => Buffer.alloc(0));
};

const copyIfFile = async (from: string, to: string): Promise<void> => {
  if ((await stat(from).catch(() => undefined))?.isFile() === true) await copyFile(from, to).catch(() => undefined);
};

/** Makes the part of a repository that holds its settings: none, but what says how objects are named. */
const makeCommonDir = async (path: string, objectFormat: string): Promise<string> => {
  const format = `[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = ${objectFormat}\n`;
  const wanted = objectFormat === "sha1" ? "" : format;
  await makeDirectory(join(path, "refs"), 0o700);
  const config = join(path, "config");
  // All runs share it: one that is right already is not written again beside a Git that reads it.
  if ((await readFile(config, "utf8").catch(() => undefined)) !== wanted) await writeFile(config, wanted);
  return path;
};

/**
 * Makes a repository of our own over the objects of the user's, and answers how Git is told of it. Of the user's own settings
 * none counts but those that are handed on: a filter driver would run a program outside the sandbox of the one that is recorded,
 * or show us another content than the file's, and `core.worktree`, `core.ignoreStat` and their like would hide changes. To put
 * out each driver by its name would leave those that are named while we look. So a file with a filter, as of Git LFS, is read as
 * it is. Our settings stand with our state, since a sandbox lets its program write to the work tree and to temporary files.
 */
const makeRepository = async (
  found: FoundRepository,
  env: Host["env"],
  directory: string,
): Promise<Record<string, string>> => {
  const { top, objects, objectFormat } = found;
  const own = { GIT_DIR: join(directory, "git"), GIT_OBJECT_DIRECTORY: join(directory, "objects") };
  const common = (place: string): Promise<string> => makeCommonDir(join(place, `git-${objectFormat}`), objectFormat);
  const [commonDir] = await Promise.all([
    common(stateOf(env)).catch(() => common(directory)),
    makeDirectory(own.GIT_OBJECT_DIRECTORY),
    makeDirectory(own.GIT_DIR).then(() => writeFile(join(own.GIT_DIR, "HEAD"), "ref: refs/heads/none\n")),
  ]);
  return {
    ...own,
    GIT_COMMON_DIR: commonDir,
    GIT_WORK_TREE: top,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: objects,
    GIT_OPTIONAL_LOCKS: "0",
  };
};

type Copies = { readonly index: string; readonly firstIndex: string };

/** The user's own index spares hashing every file; without one the first look hashes them. */
const copyIndex = async ({ index }: FoundRepository, gitDir: string, copies: Copies): Promise<void> => {
  const names = await readdir(dirname(index)).catch(() => []);
  // What a split index is the rest of.
  const shared = names.filter((name) => name.startsWith("sharedindex."));
  await Promise.all([
    ...[copies.index, copies.firstIndex].map((to) => copyIfFile(index, to)),
    ...shared.map((name) => copyIfFile(join(dirname(index), name), join(gitDir, name))),
  ]);
};

/** Finds the work tree that a directory is in; undefined where there is none, or no Git; throws where Git refuses it. */
export const openWorkTree = async ({ host, directory, signal }: WorkTreeOptions): Promise<WorkTree | undefined> => {
  const { cwd, env, clock } = host;
  const [found, ignores] = await Promise.all([findRepository(host, cwd), userIgnores(host)]);
  if (found === undefined) return undefined;
  const { top, gitDir, exclude } = found;
  const theirs = createGit({ env, dir: top, gitDir, clock, timeoutMs: BEFORE_PROGRAM_MS });
  const copies = { index: join(directory, "index"), firstIndex: join(directory, "first-index") };
  const excludesFile = join(directory, "excludes");
  const [own, settings, head, ...rules] = await Promise.all([
    makeRepository(found, env, directory),
    settingsOf(theirs),
    theirs.run(["rev-parse", "--verify", "--quiet", "HEAD"]),
    ...[ignores, exclude].map(contentOf),
  ]);
  await Promise.all([
    copyIndex(found, own["GIT_DIR"] ?? "", copies),
    writeFile(excludesFile, Buffer.concat(rules.flatMap((text) => [text, Buffer.from("\n")]))),
  ]);
  const limits = { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_OUTPUT_BYTES };
  const config = [...settings, ...ourSettings];
  const ours = createGit({ env, dir: top, clock, ...limits, excludesFile, config });
  const ourEnv = { ...own, GIT_INDEX_FILE: copies.index };
  return {
    top,
    commit: head.kind === "ok" ? head.stdout.toString("utf8").trim() : undefined,
    ...copies,
    git: { run: (args, call = {}) => ours.run(args, { signal, ...call, env: { ...ourEnv, ...call.env } }) },
  };
};
