import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "#platform/process/run.ts";

const identity = {
  GIT_AUTHOR_NAME: "coder",
  GIT_AUTHOR_EMAIL: "coder@example.invalid",
  GIT_COMMITTER_NAME: "coder",
  GIT_COMMITTER_EMAIL: "coder@example.invalid",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
};

/** A repository on this machine, as an agent has one: it may do to it whatever it likes. */
export type Workspace = {
  readonly dir: string;
  git(...args: string[]): Promise<string>;
  /** Writes a file and stages it. */
  add(path: string, content: string): Promise<void>;
  /** Stages an entry without a file: a symbolic link, a submodule, another spelling of a name. */
  addEntry(mode: string, path: string, content: string): Promise<void>;
  /** Lets the next commit change nothing. */
  allowEmpty(): Promise<void>;
  /** Lets the next commit be the one that is there. */
  keepHead(): void;
  /** Commits what is staged and answers the commit. */
  commit(): Promise<string>;
};

const workspaceIn = (dir: string): Workspace => {
  let empty = false;
  let isMade = false;
  const git = (...args: string[]): Promise<string> =>
    run(["git", "-c", "core.protectHFS=false", "-c", "core.protectNTFS=false", "-C", dir, ...args], {
      env: identity,
    }).then((text) => text.trim());
  return {
    dir,
    git,
    add: async (path, content) => {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), content);
      await git("add", "-f", "--", path);
    },
    addEntry: async (mode, path, content) => {
      const id =
        mode === "160000"
          ? content
          : (await run(["git", "-C", dir, "hash-object", "-w", "--stdin"], { env: identity, input: content })).trim();
      await git("update-index", "--add", "--cacheinfo", `${mode},${id},${path}`);
    },
    allowEmpty: () => {
      empty = true;
      return Promise.resolve();
    },
    keepHead: () => {
      isMade = true;
    },
    commit: async () => {
      if (isMade) return git("rev-parse", "HEAD");
      await git("commit", "-q", "--no-verify", "-m", "work", ...(empty ? ["--allow-empty"] : []));
      return git("rev-parse", "HEAD");
    },
  };
};

/** Makes the repository that missions work on, with one commit on `main`. */
export const createSeed = async (root: string): Promise<Workspace & { readonly base: string }> => {
  const dir = await mkdtemp(join(root, "seed-"));
  const workspace = workspaceIn(dir);
  await workspace.git("init", "-q", "-b", "main");
  await workspace.add("README.md", "# Calculator\n");
  await workspace.add("src/add.js", "exports.add = (a, b) => a - b;\n");
  return { ...workspace, base: await workspace.commit() };
};

/** What an agent proposes: a bundle and the commits it names. */
export type MadeProposal = {
  readonly bundle: Buffer;
  readonly digest: string;
  readonly base: string;
  readonly head: string;
};

/** Lets an agent work on a clone and bundles what it made. */
export const propose = async (
  root: string,
  seed: { readonly dir: string; readonly base: string },
  work: (workspace: Workspace) => Promise<void>,
  how: { readonly refs?: readonly string[]; readonly thin?: boolean } = {},
): Promise<MadeProposal> => {
  const dir = await mkdtemp(join(root, "coder-"));
  await run(["git", "clone", "-q", "--no-local", seed.dir, dir], { env: identity });
  const workspace = workspaceIn(dir);
  await work(workspace);
  const head = await workspace.commit();
  await workspace.git("update-ref", "refs/heads/proposal", head);
  const file = join(dir, "p.bundle");
  const refs = how.refs ?? ["refs/heads/proposal"];
  await workspace.git("bundle", "create", "-q", file, ...refs, ...((how.thin ?? true) ? [`^${seed.base}`] : []));
  const bundle = await readFile(file);
  return { bundle, digest: `sha256:${createHash("sha256").update(bundle).digest("hex")}`, base: seed.base, head };
};
