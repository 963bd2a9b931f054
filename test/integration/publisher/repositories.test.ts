import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleCommit, prepareRepository } from "#agent-image/cortex/workspace/repository.ts";
import { defaultPolicy } from "#nervous-system/git/change-policy.ts";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { bundleRef } from "#nervous-system/git/proposal-bundle.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { run } from "#platform/process/run.ts";
import { cloneBare } from "#scribe/fetch/clone.ts";
import { inspectBundle, serverRef, takeBundle } from "#supervisor/publish/inspect-bundle.ts";
import { pushBranch } from "#supervisor/publish/push-branch.ts";
import { rebuildTree } from "#supervisor/publish/rebuild-tree.ts";
import { createScratchRepository, fetchOnly, type ScratchRepository } from "#supervisor/publish/scratch-repository.ts";
import { writeCommit } from "#supervisor/publish/write-commit.ts";
import { aProposal } from "#test/builders/proposal.ts";

const clock = systemClock();
const env = { PATH: process.env["PATH"] };
const author = { name: "coder", email: "coder@example.invalid" };
const branch = "swarm/fix-m/fix-coder";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "repositories-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const textOf = async (git: Git, ...args: string[]): Promise<string> => (await mustRun(git, args)).toString().trim();

/** A repository on a server, with one commit of these files on `main`. */
const onServer = async (name: string, format: string, files: Readonly<Record<string, string>>): Promise<string> => {
  const work = join(root, name, "seed");
  await mkdir(work, { recursive: true });
  const git = (...args: string[]) =>
    run(["git", "-C", work, "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false", ...args], {});
  await git("init", "-q", "-b", "main", `--object-format=${format}`);
  for (const [path, text] of Object.entries(files)) await writeFile(join(work, path), text);
  await git("add", "-A");
  await git("commit", "-q", "-m", "seed");
  const server = join(root, name, "server.git");
  await git("clone", "-q", "--bare", work, server);
  return server;
};

/** What an agent proposes that changes one file, from what `fetch` made ready for it. */
const proposedTo = async (server: string, name: string, path: string) => {
  const directory = join(root, name, "fetched.git");
  await mkdir(directory, { recursive: true });
  const git = createGit({ dir: directory, env, clock, protocols: ["file"] });
  const fetched = await cloneBare({ url: server, branch: "main", baseCommit: undefined, directory, git });
  if (fetched.kind === "failed") throw new Error(fetched.message);
  const privateDir = join(root, name, "private");
  await mkdir(privateDir);
  const workTree = join(root, name, "work");
  const revisions = [fetched.commit];
  const repository = await prepareRepository({
    fetched: directory,
    workTree,
    privateDir,
    revisions,
    author,
    env,
    clock,
  });
  await writeFile(join(workTree, path), "# changed\n");
  await mustRun(repository.record, ["add", "--all"]);
  const tree = await textOf(repository.record, "write-tree");
  const commit = { tree, parent: repository.base, message: "work", ref: bundleRef };
  const made = await bundleCommit(repository, commit, privateDir);
  return {
    bundle: made.bundle,
    proposal: aProposal({ base: repository.base, head: made.head, observedSeconds: 1_764_000_000 }),
  };
};

const scratchFor = (like: string): Promise<ScratchRepository> =>
  createScratchRepository({ scratchDir: join(root, "scratch"), env, clock, maxRepositoryBytes: 2 ** 30 }, like);

/** Inspects a proposal and pushes what becomes of it; answers the new head of its branch. */
const publish = async (server: string, { bundle, proposal }: Awaited<ReturnType<typeof proposedTo>>) => {
  const scratch = await scratchFor(proposal.head);
  const git = scratch.inspect;
  try {
    // As the hand with the credential does, which takes of a server what it has.
    const fetched = await git.run(["-c", "fetch.fsckObjects=false", ...fetchOnly, server, `main:${serverRef}`]);
    expect(fetched).toMatchObject({ kind: "ok" });
    expect(await takeBundle(scratch, bundle, proposal)).toMatchObject({ kind: "ok" });
    const inspected = await inspectBundle(scratch, proposal, defaultPolicy);
    if (inspected.kind !== "ok") return inspected;
    const tree = await rebuildTree(git, proposal.base, inspected.value);
    if (tree.kind !== "ok") throw new Error(tree.message);
    const written = await writeCommit(git, tree.value, proposal);
    if (written.kind !== "ok") throw new Error(written.message);
    const { commit } = written.value;
    const pushed = await pushBranch(git, server, { branch, commit, proposal });
    return pushed.kind === "ok" ? { kind: "ok", value: commit } : pushed;
  } finally {
    await scratch.remove();
  }
};

describe("a repository", () => {
  it.each([
    ["whose objects are named by SHA-256", "sha256", {}],
    [
      "whose own attributes and submodules are such as Git takes from nobody any more",
      "sha1",
      {
        ".gitattributes": `*.x ${"text ".repeat(500)}\n`,
        ".gitmodules": '[submodule "../x"]\n\tpath = -x\n\turl = -u\n\tupdate = !true\n',
      },
    ],
  ])("%s is fetched, worked on, and gets its proposal", async (name, format, files) => {
    const server = await onServer(name, format, { "a.txt": "a\n", ...files });
    const made = await proposedTo(server, name, "a.txt");
    const published = await publish(server, made);
    expect(published).toMatchObject({ kind: "ok" });
    const git = createGit({ gitDir: server, env, clock });
    expect(await textOf(git, "rev-parse", branch)).toBe(published.kind === "ok" ? published.value : "");
    expect(await textOf(git, "show", `${branch}:a.txt`)).toBe("# changed");
    expect(await textOf(git, "diff-tree", "--name-only", "-r", "main", branch)).toBe("a.txt");
  });

  it.each([".gitattributes", ".gitmodules"])("still gets no proposal that changes its %s", async (path) => {
    const server = await onServer(path, "sha1", { "a.txt": "a\n" });
    expect(await publish(server, await proposedTo(server, path, path))).toMatchObject({ reason: "PathNotAllowed" });
  });
});
