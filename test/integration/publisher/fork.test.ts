import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { createGit } from "#nervous-system/git/git.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { requestForge } from "#platform/stores/gitea-api.ts";
import { cloneBare } from "#scribe/fetch/clone.ts";
import { createOpenForge } from "#supervisor/forge/open-forge.ts";
import { createSecret } from "#test/integration/gateway/swarm-plane.ts";
import { propose, type MadeProposal, type Workspace } from "#test/integration/publisher/coder-workspace.ts";
import {
  answerTo,
  createProposer,
  startPublisherWorld,
  startTestPublisher,
  type Proposer,
  type PublisherChange,
  type PublisherWorld,
  type TestPublisher,
} from "#test/integration/publisher/publisher-harness.ts";

let world: PublisherWorld;
const publishers: TestPublisher[] = [];

type Asked = <T>(method: string, path: string, body?: unknown) => Promise<T>;
const password = "a good enough 1 password";

/** A user of the forge who may read the repository, and the Secret of a mission for it, with what it lists. */
const createUser = async (user: string, listed?: string): Promise<Asked> => {
  const email = `${user}@localhost.invalid`;
  await world.forge("POST", "/admin/users", { username: user, email, password, must_change_password: false });
  const may = `/repos/${world.gitea.adminUser}/calculator/collaborators/${user}`;
  await world.forge("PUT", may, { permission: "read" });
  const repositories = listed ?? `${world.repo}, ${world.gitea.url}/${user}/*`;
  const ref = { namespace: world.namespace, name: user };
  await createSecret(world.test.admin, ref, { use: "git", repositories }, { username: user, password });
  const login = { url: world.gitea.url, caPem: world.gitea.caPem, user, password };
  return async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await requestForge(login, method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return (answer.body === "" ? undefined : JSON.parse(answer.body)) as T;
  };
};

let asRobot: Asked;

beforeAll(async () => {
  world = await startPublisherWorld();
  // Where the forge lets maintainers edit by default, it must be told not to.
  const edits = { has_pull_requests: true, default_allow_maintainer_edit: true };
  await world.forge("PATCH", repoPath(), edits);
  asRobot = await createUser("robot");
}, 900_000);
afterAll(() => world?.stop(), 120_000);
afterEach(async () => {
  for (const publisher of publishers.splice(0)) await publisher.stop();
});

const start = async (change?: PublisherChange): Promise<TestPublisher> => {
  const publisher = await startTestPublisher(world, change);
  publishers.push(publisher);
  return publisher;
};
const byFork = (name: string, secret = "robot"): Promise<Proposer> =>
  createProposer(world, name, { secret, publish: { via: "Fork" } });

const make = (work: (workspace: Workspace) => Promise<void>): Promise<MadeProposal> =>
  propose(world.root, world.seed, work);
const fix = (workspace: Workspace): Promise<void> => workspace.add("src/add.js", "exports.add = (a, b) => a + b;\n");

type Pull = {
  number: number;
  title: string;
  allow_maintainer_edit: boolean;
  user: { login: string };
  head: { ref: string; sha: string; repo: { full_name: string } | null };
};
const repoPath = (): string => `/repos/${world.gitea.adminUser}/calculator`;
const pullOf = (number: unknown): Promise<Pull> => world.forge("GET", `${repoPath()}/pulls/${String(number)}`);
const branchesOf = async (path: string): Promise<string[]> =>
  (await world.forge<Array<{ name: string }>>("GET", `${path}/branches?limit=50`)).map(({ name }) => name);

/** Git as whoever verifies has it: with the mission's credential, and nothing else. */
const gitAs = (user: string, dir: string) =>
  createGit({
    dir,
    env: { PATH: process.env["PATH"] },
    clock: systemClock(),
    protocols: ["https"],
    caFile: world.gitea.caFile,
    credentials: { origin: new URL(world.repo).origin, username: user, password },
  });
const headOfPull = async (number: unknown): Promise<string> => {
  const git = gitAs("robot", world.root);
  const listed = await git.run(["ls-remote", world.repo, `refs/pull/${String(number)}/head`]);
  return listed.stdout.toString("utf8").split("\t")[0] ?? "";
};

describe("a mission that publishes by a fork", () => {
  it("ends as a pull request from a fork of its credential's user, and no branch of the repository", async () => {
    const publisher = await start();
    const proposer = await byFork("by-fork");
    const answer = await answerTo(publisher, await proposer.propose(await make(fix)));
    const { branch } = proposer;
    const fork = `${world.gitea.url}/robot/calculator.git`;
    expect(answer).toMatchObject({ state: "open", branch, fork, base: world.seed.base });
    expect(await pullOf(answer["number"])).toMatchObject({
      title: "Add numbers instead of subtracting them",
      user: { login: "robot" },
      allow_maintainer_edit: false,
      head: { ref: branch, sha: answer["head"], repo: { full_name: "robot/calculator" } },
    });
    expect(await branchesOf(repoPath())).toEqual(["main"]);
    const there = await asRobot<{ fork: boolean; private: boolean }>("GET", "/repos/robot/calculator");
    expect(there).toMatchObject({ fork: true, private: true });
  }, 60_000);

  it("is verified by the pull request, with a credential that may do nothing in the fork's place", async () => {
    const publisher = await start();
    const proposer = await byFork("verified");
    const answer = await answerTo(publisher, await proposer.propose(await make(fix)));
    const directory = await mkdtemp(join(world.root, "verifier-"));
    const git = gitAs("robot", directory);
    const [head, pull] = [String(answer["head"]), Number(answer["number"])];
    const { branch } = proposer;
    const fetched = await cloneBare({ url: world.repo, branch, pull, baseCommit: head, directory, git });
    expect(fetched).toEqual({ kind: "fetched", commit: head, head });
    const shown = await git.run(["show", `refs/heads/${branch}:src/add.js`]);
    expect(shown.stdout.toString("utf8")).toContain("a + b");
  }, 60_000);

  it("has one fork for all missions, and one pull request for all proposals of an agent", async () => {
    const publisher = await start();
    const proposer = await byFork("twice");
    const one = await answerTo(publisher, await proposer.propose(await make(fix)));
    const better = await make((w) => w.add("src/add.js", "exports.add = (a, b) => Number(a) + Number(b);\n"));
    const two = await answerTo(publisher, await proposer.propose(better, { title: "Add numbers better" }));
    // Read first: once it is told, whoever verifies finds it.
    expect(await headOfPull(two["number"])).toBe(two["head"]);
    expect(two["number"]).toBe(one["number"]);
    expect(two["head"]).not.toBe(one["head"]);
    expect(await pullOf(two["number"])).toMatchObject({ title: "Add numbers better", head: { sha: two["head"] } });
    const repositories = await asRobot<Array<{ full_name: string }>>("GET", "/user/repos");
    expect(repositories.filter(({ full_name: name }) => name.startsWith("robot/"))).toHaveLength(1);
  }, 120_000);

  it("changes nothing when a proposal is delivered again", async () => {
    const first = await start();
    const proposer = await byFork("again");
    const id = await proposer.propose(await make(fix));
    const answer = await answerTo(first, id);
    const second = await start({ durable: "publisher-of-forks-again" });
    expect(await answerTo(second, id)).toEqual(answer);
  }, 120_000);

  it("takes no pull request of somebody else's fork for its own, though the branch has its name", async () => {
    const asStranger = await createUser("stranger");
    const publisher = await start();
    const proposer = await byFork("mistaken");
    await asStranger("POST", `${repoPath()}/forks`, {});
    const file = { content: Buffer.from("evil").toString("base64"), message: "evil", branch: "main" };
    await asStranger("POST", "/repos/stranger/calculator/contents/evil.js", { ...file, new_branch: proposer.branch });
    const draft = { head: `stranger:${proposer.branch}`, base: "main", title: "Evil" };
    const strange = await asStranger<Pull>("POST", `${repoPath()}/pulls`, draft);
    const answer = await answerTo(publisher, await proposer.propose(await make(fix)));
    expect(answer["number"]).not.toBe(strange.number);
    expect(await pullOf(answer["number"])).toMatchObject({ head: { repo: { full_name: "robot/calculator" } } });
    expect(await pullOf(strange.number)).toMatchObject({ title: "Evil" });
  }, 120_000);

  it("finds the fork made where another publication was faster", async () => {
    await createUser("hasty");
    const open = createOpenForge({ ca: [world.gitea.caPem], timeoutMs: 10_000, clock: systemClock() });
    const forge = await open(new URL(world.repo), { username: "hasty", password });
    if (forge.kind !== "ok") throw new Error(forge.message);
    const fork = { owner: "hasty", name: "calculator", url: `${world.gitea.url}/hasty/calculator.git` };
    expect(await forge.value.findFork()).toEqual({ kind: "ok", value: { ...fork, isThere: false } });
    for (const _ of ["the faster", "the slower"])
      expect(await forge.value.makeFork()).toEqual({ kind: "ok", value: fork });
    expect(await forge.value.findFork()).toEqual({ kind: "ok", value: { ...fork, isThere: true } });
  }, 60_000);
});

describe("nothing is pushed to a repository in the fork's place", () => {
  const refusalOf = async (name: string, secret: string): Promise<Record<string, unknown>> => {
    const publisher = await start();
    const proposer = await byFork(name, secret);
    const answer = await answerTo(publisher, await proposer.propose(await make(fix)));
    expect(publisher.retries()).toBe(0);
    return answer;
  };

  it("that is no fork, but was put there", async () => {
    const asUser = await createUser("prepared");
    await asUser("POST", "/user/repos", { name: "calculator", auto_init: true, default_branch: "main" });
    expect(await refusalOf("prepared", "prepared")).toMatchObject({
      state: "refused",
      reason: "ForkTaken",
      message: expect.stringContaining("prepared/calculator is no fork of"),
    });
    expect(await branchesOf("/repos/prepared/calculator")).toEqual(["main"]);
  }, 60_000);

  it("that is a fork of another repository", async () => {
    const asUser = await createUser("confused");
    await world.forge("POST", "/user/repos", { name: "other", auto_init: true, default_branch: "main" });
    await asUser("POST", `/repos/${world.gitea.adminUser}/other/forks`, { name: "calculator" });
    expect(await refusalOf("confused", "confused")).toMatchObject({ state: "refused", reason: "ForkTaken" });
    expect(await branchesOf("/repos/confused/calculator")).toEqual(["main"]);
  }, 60_000);

  it("that the Secret does not list, and none is made", async () => {
    const asUser = await createUser("unlisted", world.repo);
    expect(await refusalOf("unlisted", "unlisted")).toMatchObject({
      state: "refused",
      reason: "ForkNotAllowed",
      message: expect.stringContaining(`does not list ${world.gitea.url}/unlisted/calculator.git`),
    });
    await expect(asUser("GET", "/repos/unlisted/calculator")).rejects.toThrow("404");
  }, 60_000);

  it("where the repository is the credential's user's own", async () => {
    expect(await refusalOf("own", "forge")).toMatchObject({ state: "refused", reason: "ForkNotPossible" });
  }, 60_000);
});
