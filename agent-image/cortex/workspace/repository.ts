import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createGit, type Git, type GitRunOptions } from "#nervous-system/git/git.ts";
import { GitFailed, mustRun } from "#nervous-system/git/must-run.ts";
import { objectFormatLike } from "#nervous-system/git/object-format.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Where an agent's repository comes from and where it is laid out. */
type RepositoryOptions = {
  /** Bare repository that `fetch` made; only read. */
  readonly fetched: string;
  /** Directory to lay the working tree out in; must not exist or be empty. */
  readonly workTree: string;
  /** Directory of our own, outside the working tree, for the record's repository. */
  readonly privateDir: string;
  /** What to start from, first that exists: a commit, a branch or a tag. */
  readonly revisions: readonly string[];
  readonly author: { readonly name: string; readonly email: string };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Pick<Clock, "after">;
};

/** The agent's repository, laid out. */
export type Repository = {
  /** Commit that the work starts from, and its tree. */
  readonly base: string;
  readonly baseTree: string;
  /** Tree that the attempt starts from: the base's, or what an earlier attempt left. */
  readonly startTree: string;
  /** Git in the agent's own `.git`, which commands may have changed: for the agent's eyes only. */
  readonly working: Git;
  /** Git over the same files with an index and object store that no command touches: for the record and the proposal. */
  readonly record: Git;
  readonly workTree: string;
  /** The record's index. */
  readonly index: string;
};

/** The agent's repository is not what it must be to go on. */
export class RepositoryFailure extends Error {
  override readonly name = "RepositoryFailure";
}

/** Whether an error says that the agent cannot go on with its repository. */
export const isRepositoryFailure = (error: unknown): boolean =>
  error instanceof RepositoryFailure || error instanceof GitFailed;

/** The text that a call printed that must work, without its last newline; throws `GitFailed`. */
export const textOf = async (git: Git, args: readonly string[], options?: GitRunOptions): Promise<string> =>
  (await mustRun(git, args, options)).toString().replace(/\n$/, "");

const findBase = async (git: Git, revisions: readonly string[]): Promise<string> => {
  for (const revision of revisions) {
    const found = await git.run(["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`]);
    if (found.kind === "ok") return found.stdout.toString().trim();
  }
  throw new RepositoryFailure(`the fetched repository holds none of: ${revisions.join(", ")}; did fetch end well?`);
};

// Objects are borrowed, not copied: no clone means no upload-pack, which would refuse a repository of another user.
const borrowObjects = (gitDir: string, fetched: string): Promise<void> =>
  writeFile(join(gitDir, "objects", "info", "alternates"), `${join(fetched, "objects")}\n`);

const layOut = async (working: Git, options: RepositoryOptions, base: string): Promise<void> => {
  const gitDir = join(options.workTree, ".git");
  await mustRun(working, ["init", "--quiet", "--template=", "--initial-branch=work", objectFormatLike(base), "."]);
  await mkdir(join(gitDir, "info"), { recursive: true });
  await borrowObjects(gitDir, options.fetched);
  await appendFile(
    join(gitDir, "config"),
    `[user]\n\tname = ${options.author.name}\n\temail = ${options.author.email}\n`,
  );
  await mustRun(working, ["reset", "--quiet", "--hard", base]);
};

const identity = ({ name, email }: RepositoryOptions["author"]): Record<string, string> => ({
  GIT_AUTHOR_NAME: name,
  GIT_AUTHOR_EMAIL: email,
  GIT_COMMITTER_NAME: name,
  GIT_COMMITTER_EMAIL: email,
});

const withEnvironment = (git: Git, env: Readonly<Record<string, string>>): Git => ({
  run: (args, call = {}) => git.run(args, { ...call, env: { ...env, ...call.env } }),
});

const createRecord = async (options: RepositoryOptions, gitDir: string, base: string): Promise<Git> => {
  const { env, clock, workTree } = options;
  await mustRun(createGit({ env, clock }), [
    "init",
    "--quiet",
    "--bare",
    "--template=",
    objectFormatLike(base),
    gitDir,
  ]);
  await mkdir(join(gitDir, "info"), { recursive: true });
  await borrowObjects(gitDir, options.fetched);
  // Warnings of line ends, one a file, would hide which file Git cannot take.
  const config = [["core.safecrlf", "false"]] as const;
  const git = createGit({ dir: workTree, gitDir, env, clock, config, maxOutputBytes: 32 * 1024 * 1024 });
  const record = withEnvironment(git, {
    GIT_WORK_TREE: workTree,
    GIT_LITERAL_PATHSPECS: "1",
    ...identity(options.author),
  });
  await mustRun(record, ["read-tree", base]);
  // It fails where a file differs already; without it the first look would take every file for changed.
  await record.run(["update-index", "-q", "--refresh"]);
  return record;
};

/** Lays the working tree out at the first revision that exists, and beside it the repository of the record. */
export const prepareRepository = async (options: RepositoryOptions): Promise<Repository> => {
  const { env, clock, workTree } = options;
  const source = createGit({ gitDir: options.fetched, env, clock, safeDirectories: [options.fetched] });
  const base = await findBase(source, options.revisions);
  await mkdir(workTree, { recursive: true });
  const plain = createGit({ dir: workTree, env, clock, maxOutputBytes: 4 * 1024 * 1024 });
  await layOut(plain, options, base);
  const gitDir = join(options.privateDir, "record.git");
  const record = await createRecord(options, gitDir, base);
  const baseTree = await textOf(record, ["rev-parse", `${base}^{tree}`]);
  const working = withEnvironment(plain, identity(options.author));
  return { base, baseTree, startTree: baseTree, working, record, workTree, index: join(gitDir, "index") };
};

/** A commit and the thin bundle that carries it. */
export type BundledCommit = { readonly head: string; readonly bundle: Buffer };

/** What is committed: a tree on a parent, with the bundle's one ref. */
type Commit = { readonly tree: string; readonly parent: string; readonly message: string; readonly ref: string };

/** Commits and packs `parent..head` as a thin bundle; `directory` holds it for a moment. */
export const bundleCommit = async (
  { record }: Pick<Repository, "record">,
  { tree, parent, message, ref }: Commit,
  directory: string,
): Promise<BundledCommit> => {
  const head = await textOf(record, ["commit-tree", tree, "-p", parent, "-F", "-"], { input: message });
  await mustRun(record, ["update-ref", ref, head]);
  const file = join(directory, "commit.bundle");
  await mustRun(record, ["bundle", "create", "--quiet", file, `${parent}..${ref}`]);
  const bundle = await readFile(file);
  await rm(file);
  return { head, bundle };
};

/** Takes a bundle's objects in and answers its commit; throws `GitFailed` where it does not stand on what is there. */
const unbundle = async (record: Git, bundle: Buffer, directory: string): Promise<string> => {
  const file = join(directory, "kept.bundle");
  await writeFile(file, bundle);
  const listed = await textOf(record, ["bundle", "unbundle", file]);
  await rm(file);
  return listed.split(/\s/)[0] ?? "";
};

/** Puts the files of a tree that bundles bring, one on the other, in place of the base's; answers the last one's commit too. */
export const layOutTree = async (
  repository: Repository,
  { tree, bundles }: { readonly tree: string; readonly bundles: readonly Buffer[] },
  directory: string,
): Promise<{ readonly repository: Repository; readonly head: string }> => {
  const { record, base } = repository;
  let head = base;
  for (const bundle of bundles) head = await unbundle(record, bundle, directory);
  await mustRun(record, ["cat-file", "-e", `${tree}^{tree}`]);
  await mustRun(record, ["read-tree", "--reset", "-u", tree]);
  return { repository: { ...repository, startTree: tree }, head };
};

/** Puts the base's files back, whatever lies there of another tree. */
export const layOutBase = async ({ record, base }: Repository): Promise<void> => {
  await mustRun(record, ["read-tree", "--reset", "-u", base]);
};
