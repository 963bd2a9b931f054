import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile, chmod, chown, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createGit, type Git, type GitResult } from "#nervous-system/git/git.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";

const clock = systemClock();
const env = { PATH: process.env["PATH"] };
const author = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.invalid",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.invalid",
};

let root: string;
beforeAll(async () => {
  root = await realpath(await mkdtemp(path.join(tmpdir(), "git-test-")));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const outputOf = (result: GitResult): string => {
  if (result.kind !== "ok") throw new Error(result.message);
  return result.stdout.toString().trim();
};

const repositoryWith = async (name: string, text: string): Promise<{ dir: string; git: Git }> => {
  const dir = path.join(root, name);
  await mkdir(dir);
  const git = createGit({ dir, env, clock });
  outputOf(await git.run(["init", "-q"]));
  await writeFile(path.join(dir, "file.txt"), text);
  outputOf(await git.run(["add", "file.txt"]));
  outputOf(await git.run(["commit", "-qm", "first"], { env: author }));
  return { dir, git };
};

describe("a hostile .git/config", () => {
  it("runs none of its programs", async () => {
    const { dir, git } = await repositoryWith("hostile", "one\n");
    const trap = path.join(root, "trap");
    const sprung = path.join(root, "sprung");
    await writeFile(trap, `#!/bin/sh\necho "$0 $*" >> ${sprung}\n`);
    await chmod(trap, 0o755);
    await appendFile(
      path.join(dir, ".git/config"),
      `[core]
  hooksPath = ${path.join(root, "hooks")}
  fsmonitor = ${trap}
  pager = ${trap}
  editor = ${trap}
  askPass = ${trap}
  sshCommand = ${trap}
  alternateRefsCommand = ${trap}
[diff]
  external = ${trap}
[diff "x"]
  textconv = ${trap}
  command = ${trap}
[alias]
  status = !${trap}
  diff = !${trap}
[credential]
  helper = !${trap}
[commit]
  gpgSign = true
[gpg]
  program = ${trap}
[log]
  showSignature = true
[protocol "ext"]
  allow = always
[protocol "file"]
  allow = always
`,
    );
    await mkdir(path.join(root, "hooks"));
    for (const hook of ["pre-commit", "post-commit", "post-checkout", "reference-transaction"]) {
      await writeFile(path.join(root, "hooks", hook), `#!/bin/sh\n${trap}\n`);
      await chmod(path.join(root, "hooks", hook), 0o755);
    }
    await writeFile(path.join(dir, ".gitattributes"), "*.txt diff=x\n");
    await writeFile(path.join(dir, "file.txt"), "two\n");

    outputOf(await git.run(["status", "--porcelain"]));
    expect(outputOf(await git.run(["diff"]))).toContain("+two");
    outputOf(await git.run(["add", "-A"]));
    outputOf(await git.run(["commit", "-qm", "second"], { env: author }));
    expect(outputOf(await git.run(["log", "-p"]))).toContain("+two");
    expect(outputOf(await git.run(["show"]))).toContain("+two");
    expect(outputOf(await git.run(["diff-tree", "-p", "HEAD~1", "HEAD"]))).toContain("-one");
    outputOf(await git.run(["blame", "file.txt"]));
    outputOf(await git.run(["checkout", "-q", "-b", "other"]));
    await git.run(["ls-remote", `ext::${trap}`]);
    await git.run(["ls-remote", "ssh://nobody@127.0.0.1/x"]);
    expect(existsSync(sprung)).toBe(false);
  });

  it("cannot allow a protocol that the runner does not", async () => {
    const { dir, git } = await repositoryWith("protocols", "x");
    await appendFile(path.join(dir, ".git/config"), `[protocol "file"]\n  allow = always\n`);
    const result = await git.run(["ls-remote", `file://${dir}`]);
    expect(result).toMatchObject({ kind: "failed", reason: "ProtocolNotAllowed" });
  });
});

describe("a repository of another user", () => {
  // Only root can give a directory away.
  const asRoot = process.getuid?.() === 0 ? it : it.skip;
  asRoot("is served over file only when named a safe directory", async () => {
    const { dir } = await repositoryWith("it's another's", "x");
    await chown(dir, 65_534, 65_534);
    await chown(path.join(dir, ".git"), 65_534, 65_534);
    const clone = (safeDirectories: readonly string[], to: string): Promise<GitResult> =>
      createGit({ env, clock, protocols: ["file"], safeDirectories }).run(["clone", "-q", dir, path.join(root, to)]);
    expect(await clone([], "no")).toMatchObject({ kind: "failed" });
    expect(await clone([path.join(dir, ".git")], "yes")).toMatchObject({ kind: "ok" });
  });
});

describe("the environment of a call", () => {
  it("carries nothing of the caller's but PATH, and no variable undoes a protection", async () => {
    const { dir } = await repositoryWith("scrubbed", "x");
    const git = createGit({
      dir,
      clock,
      env: { ...env, SECRET: "s3cret", GIT_CONFIG_GLOBAL: "/etc/evil", HTTPS_PROXY: "http://x" },
    });
    const call = { env: { GIT_CONFIG_GLOBAL: "/etc/evil", GIT_CONFIG_COUNT: "0" } };
    const shown = outputOf(await git.run(["-c", "alias.env=!env", "env"], call));
    expect(shown).not.toMatch(/s3cret|\/etc\/evil|HTTPS_PROXY/);
    expect(shown).toContain("GIT_CONFIG_GLOBAL=/dev/null");
    expect(outputOf(await git.run(["config", "core.hooksPath"], call))).toBe("/dev/null");
  });
});

/** A killed orphan stays in the table until the machine's init reaps it; it runs no more. */
const isRunning = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
};

describe("limits", () => {
  it("kills the whole process group at the timeout", async () => {
    const { dir } = await repositoryWith("slow", "x");
    const git = createGit({ dir, env, clock, timeoutMs: 200 });
    const pidFile = path.join(root, "pid");
    const result = await git.run(["-c", `alias.slow=!sh -c 'echo $$ > ${pidFile}; exec sleep 300'`, "slow"]);
    expect(result).toMatchObject({ kind: "failed", reason: "TimedOut" });
    const pid = Number(await readFile(pidFile, "utf8"));
    await expect(isRunning(pid)).resolves.toBe(false);
  });

  it("refuses more output than asked for", async () => {
    const { dir } = await repositoryWith("loud", "x".repeat(100_000));
    const git = createGit({ dir, env, clock, maxOutputBytes: 1000 });
    const result = await git.run(["cat-file", "blob", "HEAD:file.txt"]);
    expect(result).toMatchObject({ kind: "failed", reason: "OutputTooLarge" });
  });

  it("holds a call to the file size it may write", async () => {
    const { dir } = await repositoryWith("big", "x");
    const git = createGit({ dir, env, clock, limits: { fileBytes: 4096 } });
    const result = await git.run(["hash-object", "-w", "--stdin"], { input: randomBytes(200_000) });
    expect(result).toMatchObject({ reason: "LimitExceeded" });
  });

  it("says so where a helper of Git ran into them, and not where a server did", async () => {
    const { dir } = await repositoryWith("helped", "x");
    const git = createGit({ dir, env, clock, limits: { fileBytes: 512 } });
    const say = (words: string) => git.run(["-c", `alias.say=!printf "%s\\n" '${words}' >&2; exit 1`, "say"]);
    expect(await say("error: index-pack died of signal 25")).toMatchObject({ reason: "LimitExceeded" });
    const silent = "fatal: fetch-pack: invalid index-pack output";
    expect(await say(silent)).toMatchObject({ reason: "LimitExceeded" });
    expect(await say(`fatal: early EOF\n${silent}`)).toMatchObject({ reason: "RepositoryUnreachable" });
    expect(await say("remote: error: pack-objects died of signal 9")).toMatchObject({ reason: "GitFailed" });
  });

  it("tells a branch that is larger than a file may be", async () => {
    const { dir, git } = await repositoryWith("large", "x");
    await writeFile(path.join(dir, "noise"), randomBytes(200_000));
    outputOf(await git.run(["add", "noise"]));
    outputOf(await git.run(["commit", "-qm", "noise"], { env: author }));
    const target = await repositoryWith("small", "x");
    const config = [["fetch.unpackLimit", "1"]] as const;
    const limits = { fileBytes: 100_000 };
    const fetching = createGit({ dir: target.dir, env, clock, protocols: ["file"], config, limits });
    const result = await fetching.run(["fetch", "-q", dir, "+HEAD:refs/heads/other"]);
    expect(result).toMatchObject({ reason: "LimitExceeded" });
  });

  it("ends at the caller's abort", async () => {
    const { git } = await repositoryWith("aborted", "x");
    const abort = new AbortController();
    const running = git.run(["-c", "alias.slow=!sleep 300", "slow"], { signal: abort.signal });
    abort.abort();
    expect(await running).toMatchObject({ kind: "failed", reason: "Aborted" });
  });
});

describe("credentials", () => {
  it("reach their own origin only, from the environment or a directory, and never the arguments", async () => {
    const seen: Array<string | undefined> = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(request.headers.authorization === undefined ? 401 : 403, {
        "www-authenticate": 'Basic realm="x"',
      });
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const directory = path.join(root, "secret");
    await mkdir(directory);
    await writeFile(path.join(directory, "username"), "ann\n");
    await writeFile(path.join(directory, "password"), "p4ss\n");
    const basic = `Basic ${Buffer.from("ann:p4ss").toString("base64")}`;
    const ask = async (credentials: Parameters<typeof createGit>[0]["credentials"]) => {
      seen.length = 0;
      const git = createGit({
        env,
        clock,
        protocols: ["http"],
        ...(credentials === undefined ? {} : { credentials }),
      });
      const result = await git.run(["ls-remote", `${origin}/r.git`]);
      return { result, last: seen.at(-1) };
    };
    const inEnvironment = await ask({ origin, username: "ann", password: "p4ss" });
    expect(inEnvironment.last).toBe(basic);
    expect(inEnvironment.result).toMatchObject({ reason: "AuthenticationFailed" });
    expect((await ask({ origin, directory })).last).toBe(basic);
    const elsewhere = { origin: "http://127.0.0.1:1", username: "ann", password: "p4ss" };
    const refused = await ask(elsewhere);
    expect(refused.last).toBeUndefined();
    expect(refused.result).toMatchObject({ reason: "AuthenticationFailed" });
    await new Promise((resolve) => server.close(resolve));
  });
});
