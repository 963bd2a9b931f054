import { copyFile, mkdir } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import { createGit, type Git, type GitResult } from "#nervous-system/git/git.ts";
import { userIgnores } from "./git-ignores.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Takes snapshots of a work tree as Git trees, with an index and an object directory of its own: the repository is only read. */
export type Snapshots = {
  /** Top of the work tree. */
  top: string;
  /** What is checked out; undefined before the first commit. */
  commit: string | undefined;
  git: Git;
  /** Further variables for calls that read the trees. */
  env: Readonly<Record<string, string>>;
  /** The tree of the work tree as it is now: tracked files, and untracked ones that are not ignored. */
  take(): Promise<string>;
  /** Paths that Git cannot take, and that are left out: a repository in it without commits, a file that may not be read. */
  leftOut(): readonly string[];
};

/** Where snapshots are taken, and which file of ours they leave out. */
type SnapshotOptions = {
  cwd: string;
  directory: string;
  except: string;
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
};

const TIMEOUT_MS = 20_000;

const textOf = (result: GitResult): string => {
  if (result.kind === "failed") throw new Error(result.message);
  return result.stdout.toString("utf8").replace(/\n$/, "");
};

/** `git add` refuses to leave out what it would not have taken. */
const exclusion = async (git: Git, top: string, path: string): Promise<string[]> => {
  const inside = relative(top, path);
  if (inside.startsWith("..") || isAbsolute(inside)) return [];
  const ignored = await git.run(["check-ignore", "--quiet", "--", path]);
  return ignored.kind === "ok" ? [] : [`:(exclude,top,literal)${inside}`];
};

// How Git names what it cannot take; one such path would spoil all the others.
const refusals = [
  /^error: '(.+?)\/?' does not have a commit checked out$/gm,
  /^error: open\("(.+)"\): .+$/gm,
  /^error: unable to index file '(.+)'$/gm,
  /^error: [Ii]nvalid path '(.+)'$/gm,
];
const MOST_REFUSED = 1000;

/** Stages everything but what Git refuses, which joins `refused`. */
const addAll = async (
  git: Git,
  env: Snapshots["env"],
  paths: readonly string[],
  refused: Set<string>,
): Promise<void> => {
  for (;;) {
    const without = [...refused].map((path) => `:(exclude,top,literal)${path}`);
    const added = await git.run(["add", "--all", "--ignore-errors", ...paths, ...without], { env });
    if (added.kind === "ok") return;
    const before = refused.size;
    for (const pattern of refusals) for (const [, path = ""] of added.stderr.matchAll(pattern)) refused.add(path);
    if (refused.size === before || refused.size > MOST_REFUSED) throw new Error(added.message);
  }
};

/** Finds the work tree that `cwd` is in and prepares snapshots of it; undefined where there is none, or no Git. */
export const openSnapshots = async (options: SnapshotOptions): Promise<Snapshots | undefined> => {
  const { cwd, directory, clock } = options;
  const outside = createGit({ env: options.env, dir: cwd, clock, safeDirectories: ["*"] });
  const found = await outside.run(["rev-parse", "--show-toplevel", "--git-path", "index", "--git-path", "objects"]);
  if (found.kind === "failed") return undefined;
  const [top = "", indexPath = "", objects = ""] = textOf(found).split("\n");
  if (top === "") return undefined;
  const index = join(directory, "index");
  await mkdir(join(directory, "objects"), { recursive: true });
  // The repository's own index spares hashing every file; without one the first snapshot hashes them.
  await copyFile(resolve(cwd, indexPath), index).catch(() => undefined);
  const env = {
    GIT_INDEX_FILE: index,
    GIT_OBJECT_DIRECTORY: join(directory, "objects"),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: resolve(cwd, objects),
    GIT_OPTIONAL_LOCKS: "0",
  };
  const git = createGit({
    env: options.env,
    dir: top,
    clock,
    safeDirectories: ["*"],
    timeoutMs: TIMEOUT_MS,
    excludesFile: await userIgnores(options),
    config: [
      ["core.splitIndex", "false"],
      ["advice.addEmbeddedRepo", "false"],
      ["core.safecrlf", "false"],
    ],
  });
  const paths = ["--", ":(top)", ...(await exclusion(git, top, options.except))];
  const refused = new Set<string>();
  const head = await git.run(["rev-parse", "--verify", "--quiet", "HEAD"]);
  return {
    top,
    commit: head.kind === "ok" ? textOf(head) : undefined,
    git,
    env,
    leftOut: () => [...refused],
    take: async () => {
      await addAll(git, env, paths, refused);
      return textOf(await git.run(["write-tree"], { env }));
    },
  };
};
