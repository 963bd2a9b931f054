import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startGitForge, type GitForge } from "./git-forge.ts";
import { setStage, start, type Running, type Stage } from "./stage.ts";

jest.setTimeout(60_000);

const author = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.invalid",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.invalid",
};
const git = (dir: string, ...args: string[]): string => {
  const done = spawnSync("git", ["-C", dir, ...args], { env: { ...process.env, ...author }, encoding: "utf8" });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout.trim();
};

let stage: Stage;
let forge: GitForge;
let dir: string;
let number = 0;
const commits = { first: "", second: "", feature: "", pull: "" };

beforeAll(async () => {
  stage = await setStage();
  const root = join(stage.dir, "repositories");
  const work = join(stage.dir, "work");
  await mkdir(work, { recursive: true });
  git(work, "init", "--quiet", "--initial-branch=main");
  const commit = async (text: string): Promise<string> => {
    await writeFile(join(work, "file.txt"), text);
    git(work, "add", "file.txt");
    git(work, "commit", "--quiet", "-m", text);
    return git(work, "rev-parse", "HEAD");
  };
  commits.first = await commit("first");
  git(work, "tag", "-a", "v1", "-m", "annotated");
  commits.second = await commit("second");
  git(work, "branch", "both");
  git(work, "tag", "both", commits.first);
  git(work, "checkout", "--quiet", "-b", "feature/x");
  commits.feature = await commit("feature");
  git(work, "checkout", "--quiet", "main");
  git(work, "checkout", "--quiet", "--detach");
  commits.pull = await commit("pull");
  git(work, "checkout", "--quiet", "main");
  for (const name of ["public.git", "private.git"]) {
    git(stage.dir, "clone", "--quiet", "--bare", work, join(root, name));
    git(join(root, name), "fetch", "--quiet", work, `${commits.pull}:refs/pull/7/head`);
  }
  forge = await startGitForge({
    tls: stage.tls,
    root,
    credentials: { username: "robot", password: "s3cret" },
    fetchToken: "fetch-token",
  });
});
afterAll(async () => {
  await forge.close();
  await stage.remove();
});

beforeEach(async () => {
  number += 1;
  dir = join(stage.dir, `fetch-${number}`);
  await mkdir(join(dir, "secret"), { recursive: true });
  await writeFile(join(dir, "token"), "fetch-token\n");
  await writeFile(join(dir, "other-token"), "unknown");
  await writeFile(join(dir, "termination"), "");
  forge.seen.length = 0;
});

const fetchWith = (more: Record<string, string | undefined>): Running => {
  const env: Record<string, string | undefined> = {
    ENCHANTED_GATEWAY: forge.tunnel,
    ENCHANTED_CA_PEM: stage.caPem,
    ENCHANTED_GIT_CA_PEM: stage.caPem,
    ENCHANTED_GATEWAY_WAIT_MS: "0",
    ENCHANTED_REPO: `${forge.url}/public.git`,
    ENCHANTED_REF: "main",
    ENCHANTED_FETCH_DIR: join(dir, "fetch"),
    ENCHANTED_BIN_DIR: join(dir, "bin"),
    ENCHANTED_GIT_SECRET_DIR: join(dir, "secret"),
    ENCHANTED_TOKEN_FILE: join(dir, "token"),
    ENCHANTED_TERMINATION_LOG: join(dir, "termination"),
    ...more,
  };
  const given = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return start(process.execPath, [`${stage.programs}/main.js`, "fetch"], Object.fromEntries(given));
};
const message = async (): Promise<Record<string, string>> =>
  JSON.parse(await readFile(join(dir, "termination"), "utf8")) as Record<string, string>;
const bare = (...args: string[]): string => git(join(dir, "fetch", "repo.git"), ...args);

describe("fetch", () => {
  it("clones the ref through the tunnel with its token, and puts the tools in place", async () => {
    const running = fetchWith({});
    expect([await running.ended, running.output()]).toEqual([0, expect.stringContaining(commits.second)]);
    expect(await message()).toEqual({ commit: commits.second, head: commits.second });
    expect([bare("rev-parse", "HEAD"), bare("symbolic-ref", "HEAD")]).toEqual([commits.second, "refs/heads/main"]);
    expect(bare("rev-list", "--count", "HEAD")).toBe("2");
    expect(forge.seen[0]).toBe(`CONNECT ${forge.url.slice("https://".length)} Bearer fetch-token`);
    expect((await readdir(join(dir, "bin"))).toSorted()).toEqual([
      "imports.js",
      "node",
      "node_modules",
      "runtime.js",
      "wrap.js",
    ]);
    expect((await stat(join(dir, "bin", "node"))).mode & 0o777).toBe(0o755);
    const version = spawnSync(join(dir, "bin", "node"), ["--version"], { encoding: "utf8" });
    expect(version.stdout.trim()).toBe(process.version);
    expect(await readdir(join(dir, "fetch"))).toEqual(["repo.git"]);
  });

  it("brings no tools where nobody asks for them", async () => {
    expect(await fetchWith({ ENCHANTED_BIN_DIR: undefined }).ended).toBe(0);
    expect(bare("rev-parse", "HEAD")).toBe(commits.second);
    expect(await readdir(dir)).not.toContain("bin");
  });

  it.each([
    ["a branch with a slash", { ENCHANTED_REF: "feature/x" }, () => commits.feature],
    ["the branch beside a tag of its name", { ENCHANTED_REF: "both" }, () => commits.second],
  ])("fetches %s", async (_name, more, commit) => {
    const running = fetchWith(more);
    expect([await running.ended, running.output()]).toEqual([0, expect.anything()]);
    expect(await message()).toEqual({ commit: commit(), head: commit() });
    expect(bare("rev-parse", "HEAD")).toBe(commit());
  });

  it("points HEAD at exactly the base commit, also an older one, and says what the branch holds", async () => {
    expect(await fetchWith({ ENCHANTED_BASE_COMMIT: commits.first }).ended).toBe(0);
    expect(await message()).toEqual({ commit: commits.first, head: commits.second });
    expect(bare("rev-parse", "HEAD")).toBe(commits.first);
  });

  it("fetches what is in a fork by the number of its pull request, under the branch's name", async () => {
    const more = { ENCHANTED_REF: "swarm/fix/coder", ENCHANTED_PULL: "7", ENCHANTED_BASE_COMMIT: commits.pull };
    const running = fetchWith(more);
    expect([await running.ended, running.output()]).toEqual([0, expect.anything()]);
    expect(await message()).toEqual({ commit: commits.pull, head: commits.pull });
    const at = [bare("rev-parse", "HEAD"), bare("symbolic-ref", "HEAD")];
    expect(at).toEqual([commits.pull, "refs/heads/swarm/fix/coder"]);
  });

  it("uses the mounted credential, sent only to the forge and never in an argument", async () => {
    await writeFile(join(dir, "secret", "username"), "robot");
    await writeFile(join(dir, "secret", "password"), "s3cret");
    const running = fetchWith({ ENCHANTED_REPO: `${forge.url}/private.git` });
    expect([await running.ended, running.output()]).toEqual([0, expect.anything()]);
    expect(forge.seen.some((line) => line.startsWith("GET /private.git") && line.endsWith(" robot:s3cret"))).toBe(true);
    expect(forge.seen.filter((line) => line.startsWith("CONNECT")).join()).not.toContain("s3cret");
    const config = await readFile(join(dir, "fetch", "repo.git", "config"), "utf8");
    expect(config).not.toMatch(/s3cret|fetch-token/);
  });

  it("starts from nothing over what a killed run left", async () => {
    await mkdir(join(dir, "fetch", "repo.git", "refs"), { recursive: true });
    await writeFile(join(dir, "fetch", "repo.git", "HEAD"), "garbage");
    expect(await fetchWith({}).ended).toBe(0);
    expect(bare("rev-parse", "HEAD")).toBe(commits.second);
  });

  it.each([
    [
      "a repository that does not exist",
      () => ({ ENCHANTED_REPO: `${forge.url}/none.git` }),
      "RepositoryNotFound",
      /none\.git/,
    ],
    [
      "a repository that moved",
      () => ({ ENCHANTED_REPO: `${forge.url}/moved.git` }),
      "RepositoryNotFound",
      /redirects elsewhere; name the final address of the repository; it is at https:\/\/localhost:[0-9]+\/public\.git now/,
    ],
    [
      "a credential that is missing",
      () => ({ ENCHANTED_REPO: `${forge.url}/private.git` }),
      "AuthenticationFailed",
      /user name|password/,
    ],
    ["a branch that does not exist", () => ({ ENCHANTED_REF: "no-such" }), "RefNotFound", /no branch "no-such"/],
    ["a tag", () => ({ ENCHANTED_REF: "v1" }), "RefNotFound", /"v1" of .* is a tag; name a branch in workspace\.ref/],
    ["HEAD", () => ({ ENCHANTED_REF: "HEAD" }), "RefNotFound", /no branch "HEAD"; name a branch/],
    ["a full ref", () => ({ ENCHANTED_REF: "refs/heads/main" }), "RefNotFound", /no branch "refs\/heads\/main"/],
    [
      "a pull request by its ref",
      () => ({ ENCHANTED_REF: "refs/pull/7/head" }),
      "RefNotFound",
      /no branch "refs\/pull/,
    ],
    ["a pull request that is not there", () => ({ ENCHANTED_PULL: "8" }), "RefNotFound", /no refs\/pull\/8\/head/],
    ["a commit", () => ({ ENCHANTED_REF: commits.first }), "RefNotFound", /no branch "[0-9a-f]{40}"; name a branch/],
    [
      "a host that has no address",
      () => ({ ENCHANTED_REPO: "https://git.no-such.example/a.git" }),
      "HostNotFound",
      /the host name "git\.no-such\.example" does not resolve/,
    ],
    [
      "a host that the gateway may not connect to",
      () => ({ ENCHANTED_REPO: "https://git.inside.example/a.git" }),
      "HostNotAllowed",
      /private/,
    ],
    [
      "a Secret that was taken back meanwhile",
      () => ({ ENCHANTED_REPO: "https://git.lent.example/a.git" }),
      "SecretNotAllowed",
      /Secret "team\/lent" does not list/,
    ],
    [
      "a pod that nobody confines",
      () => ({ ENCHANTED_COLLECTOR: "localhost:9", ENCHANTED_UNREACHABLE: new URL(forge.url).host }),
      "NetworkPolicyNotEnforced",
      /must enforce NetworkPolicies/,
    ],
    [
      "a collector whose silence does not show that anybody confines the pod",
      () => ({ ENCHANTED_COLLECTOR: "localhost:9", ENCHANTED_UNREACHABLE: "localhost:10" }),
      "CollectorUnreachable",
      /the collector localhost:9 does not answer, .* kept from localhost:10/,
    ],
    [
      "a repository that does not exist, before a silent collector",
      () => ({
        ENCHANTED_REPO: `${forge.url}/none.git`,
        ENCHANTED_COLLECTOR: "localhost:9",
        ENCHANTED_UNREACHABLE: "localhost:10",
      }),
      "RepositoryNotFound",
      /none\.git/,
    ],
    [
      "a base commit that does not exist",
      () => ({ ENCHANTED_BASE_COMMIT: "0123456789".repeat(4) }),
      "RefNotFound",
      /no commit 0123456789/,
    ],
    [
      "a forge that does not answer",
      () => ({ ENCHANTED_REPO: "https://localhost:9/x.git" }),
      "RepositoryUnreachable",
      /localhost:9/,
    ],
    [
      "a gateway that does not answer",
      () => ({ ENCHANTED_GATEWAY: "localhost:9" }),
      "RepositoryUnreachable",
      /the gateway localhost:9 does not answer: ECONNREFUSED/,
    ],
    [
      "a gateway that does not know the token",
      () => ({ ENCHANTED_TOKEN_FILE: join(dir, "other-token") }),
      "RepositoryUnreachable",
      /refuses a way to .* with status 407/,
    ],
    [
      "a forge whose certificate nobody signed",
      () => ({ ENCHANTED_GIT_CA_PEM: "" }),
      "RepositoryUnreachable",
      /certificate/i,
    ],
  ])("answers %s with its reason", async (_name, more, reason, words) => {
    const running = fetchWith(more());
    expect(await running.ended).toBe(1);
    const left = await message();
    expect(left).toMatchObject({ reason, message: expect.stringMatching(words) });
    expect(JSON.stringify(left) + running.output()).not.toContain("fetch-token");
  });

  it("says that a wrong password is wrong", async () => {
    await writeFile(join(dir, "secret", "username"), "robot");
    await writeFile(join(dir, "secret", "password"), "wrong");
    const running = fetchWith({ ENCHANTED_REPO: `${forge.url}/private.git` });
    expect(await running.ended).toBe(1);
    expect(await message()).toMatchObject({ reason: "AuthenticationFailed" });
    expect(running.output()).not.toContain("wrong@");
  });

  it("is done where the pod reaches the collector at the port that it may use, and not at the other", async () => {
    const running = fetchWith({
      ENCHANTED_COLLECTOR: new URL(forge.url).host,
      ENCHANTED_UNREACHABLE: "localhost:9",
    });
    expect([await running.ended, running.output()]).toEqual([0, expect.anything()]);
    expect(await fetchWith({ ENCHANTED_UNREACHABLE: "localhost:9" }).ended).toBe(2);
  });

  it("waits for a gateway that is not ready yet", async () => {
    forge.unreadyFor = 2;
    const running = fetchWith({ ENCHANTED_GATEWAY_WAIT_MS: "20000" });
    expect([await running.ended, running.output()]).toEqual([0, expect.anything()]);
    expect(forge.unreadyFor).toBe(0);
  });

  it("refuses a repository that is not https before it asks anybody", async () => {
    const running = fetchWith({ ENCHANTED_REPO: "http://localhost/x.git" });
    expect(await running.ended).toBe(2);
    expect(running.output()).toMatch(/ENCHANTED_REPO: is not an https URL/);
    expect(forge.seen).toEqual([]);
  });
});
