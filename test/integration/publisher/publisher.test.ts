import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createForgeFetch } from "#supervisor/forge/forge-fetch.ts";
import { createOpenForge } from "#supervisor/forge/open-forge.ts";
import { agents, missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { argsDigestOf, publicationRequest } from "#nervous-system/schemas/approvals.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import { setAgentStatus } from "#test/integration/gateway/swarm-plane.ts";
import { retry } from "#supervisor/publish/proposal.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { readFrames } from "#test/integration/pipeline/bus-harness.ts";
import { propose, type MadeProposal, type Workspace } from "#test/integration/publisher/coder-workspace.ts";
import {
  answerTo,
  createProposer,
  startPublisherWorld,
  startTestPublisher,
  type PublisherChange,
  type PublisherWorld,
  type TestPublisher,
} from "#test/integration/publisher/publisher-harness.ts";

let world: PublisherWorld;
const publishers: TestPublisher[] = [];

beforeAll(async () => {
  world = await startPublisherWorld();
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

const make = (
  work: (workspace: Workspace) => Promise<void>,
  how?: Parameters<typeof propose>[3],
): Promise<MadeProposal> => propose(world.root, world.seed, work, how);

const fix = (workspace: Workspace): Promise<void> => workspace.add("src/add.js", "exports.add = (a, b) => a + b;\n");

type Pull = {
  number: number;
  state: string;
  title: string;
  body: string;
  head: { ref: string; sha: string };
  base: { ref: string };
};
const repoPath = (): string => `/repos/${world.gitea.adminUser}/calculator`;
const pullsOf = async (branch: string): Promise<Pull[]> =>
  (await world.forge<Pull[]>("GET", `${repoPath()}/pulls?state=all&limit=50`)).filter(
    (pull) => pull.head.ref === branch,
  );
type Commit = {
  commit: { message: string; author: { name: string } };
  parents: Array<{ sha: string }>;
  files?: Array<{ filename: string }>;
};

describe("a proposal", () => {
  it("becomes one commit in the agent's name on the mission's branch, and a pull request", async () => {
    const publisher = await start();
    const proposer = await createProposer(world, "fix");
    const made = await make(fix);
    const id = await proposer.propose(made);
    const answer = await answerTo(publisher, id);
    const { branch } = proposer;
    expect(answer).toMatchObject({ state: "open", branch, base: world.seed.base });
    const pulls = await pullsOf(branch);
    expect(pulls).toHaveLength(1);
    expect(pulls[0]).toMatchObject({
      number: answer["number"],
      title: "Add numbers instead of subtracting them",
      base: { ref: "main" },
      head: { sha: answer["head"] },
    });
    const commit = await world.forge<Commit>("GET", `${repoPath()}/git/commits/${String(answer["head"])}`);
    expect(commit.commit.author.name).toBe("fix-coder");
    expect(commit.parents.map(({ sha }) => sha)).toEqual([world.seed.base]);
    expect(commit.files?.map(({ filename }) => filename)).toEqual(["src/add.js"]);
    const lines = commit.commit.message.split("\n");
    expect(lines).toContain(`Mission: ${world.namespace}/fix/${proposer.mission.metadata.uid}`);
    expect(lines).toContain("Agent: fix-coder");
    const record = lines.filter((line) => line.startsWith("Record: "));
    expect(record).toHaveLength(1);
    expect(record[0]).toMatch(new RegExp(`^Record: ${proposer.agent.metadata.uid}/1/1/[0-9a-f]{64}$`));
    expect(publisher.frames[0]).toMatchObject({
      eventType: "PUBLICATION",
      parentEventId: id,
      subject: {
        mission_uid: proposer.mission.metadata.uid,
        namespace: world.namespace,
        about: { agent_uid: proposer.agent.metadata.uid, epoch: 1 },
      },
    });
    expect(await readdir(join(world.root, "scratch"))).toEqual([]);
  }, 60_000);

  it("that is delivered again changes nothing on the forge and gives the same event id", async () => {
    const first = await start();
    const proposer = await createProposer(world, "again");
    const id = await proposer.propose(await make(fix));
    const answer = await answerTo(first, id);
    const second = await start({ durable: "publisher-again" });
    expect(await answerTo(second, id)).toEqual(answer);
    const idOf = (publisher: TestPublisher) =>
      publisher.frames.find((frame) => frame.payload["proposal_event_id"] === id)?.eventId;
    expect(idOf(second)).toBe(idOf(first));
    expect(await pullsOf(proposer.branch)).toHaveLength(1);
  }, 120_000);

  it("whose publisher died between push and pull request is finished by the next one, with one commit", async () => {
    const proposer = await createProposer(world, "crash");
    const died = Promise.withResolvers<void>();
    const never = new Promise<never>(() => undefined);
    const wrapForge: PublisherChange["wrapForge"] = (forge) => ({
      ...forge,
      openPullRequest: () => {
        died.resolve();
        return never;
      },
    });
    const first = await startTestPublisher(world, { wrapForge });
    const id = await proposer.propose(await make(fix));
    await died.promise;
    first.kill();
    const { branch } = proposer;
    const pushed = await world.forge<{ commit: { id: string } }>(
      "GET",
      `${repoPath()}/branches/${encodeURIComponent(branch)}`,
    );
    expect(await pullsOf(branch)).toEqual([]);
    const next = await start();
    const answer = await answerTo(next, id);
    expect(answer).toMatchObject({ state: "open", head: pushed.commit.id });
    expect(await pullsOf(branch)).toHaveLength(1);
  }, 120_000);

  it("that could not be recorded is not acknowledged, and its successor opens nothing twice", async () => {
    const proposer = await createProposer(world, "unrecorded");
    const first = await startTestPublisher(world, {
      beforeRecord: (frame) =>
        frame.subject.mission === "unrecorded" ? Promise.reject(new Error("the disk is full")) : Promise.resolve(),
    });
    const id = await proposer.propose(await make(fix));
    await expect(first.ended).rejects.toThrow("the disk is full");
    const next = await start();
    expect(await answerTo(next, id)).toMatchObject({ state: "open" });
    expect(await pullsOf(proposer.branch)).toHaveLength(1);
  }, 120_000);

  it("that follows another of the same agent takes its place in the same pull request", async () => {
    const publisher = await start();
    const proposer = await createProposer(world, "twice");
    const one = await answerTo(publisher, await proposer.propose(await make(fix)));
    const better = await make((workspace) =>
      workspace.add("src/add.js", "exports.add = (a, b) => Number(a) + Number(b);\n"),
    );
    const two = await answerTo(publisher, await proposer.propose(better, { title: "Add numbers better" }));
    expect(two["number"]).toBe(one["number"]);
    expect(two["head"]).not.toBe(one["head"]);
    const pulls = await pullsOf(proposer.branch);
    expect(pulls).toHaveLength(1);
    expect(pulls[0]).toMatchObject({ title: "Add numbers better", head: { sha: two["head"] } });
  }, 120_000);

  it("waits for a person to approve exactly it, and nothing of it is on the forge before", async () => {
    const clock = systemClock();
    let looks = 0;
    const publisher = await start({ pause: () => ((looks += 1), clock.sleep(50)) });
    const proposer = await createProposer(world, "approved", { approvals: { require: ["PullRequest"] } });
    const id = await proposer.propose(await make(fix));
    const { bytes, envelope } = (await readFrames(world.bus)).find((frame) => frame.envelope.event_id === id)!;
    const requestID = publicationRequest(envelope.agent_uid, envelope.epoch, envelope.seq);
    const decide = async (argsDigest: string): Promise<void> => {
      const { admin } = world.test;
      const ref = { namespace: world.namespace, name: "approved" };
      const { uid, resourceVersion } = (await admin.get(missions, ref)).metadata;
      const decision = {
        requestID,
        argsDigest,
        decision: "Approved" as const,
        uid: "u",
        by: "ann",
        at: "2026-11-23T09:00:00Z",
      };
      await admin.patchStatus(missions, { ...ref, uid, resourceVersion }, { decidedApprovals: [decision] });
    };
    const looksOn = async (): Promise<void> => {
      const before = looks;
      await eventually("the publisher looks again", () => looks > before + 2, 60_000);
      const branch = `${repoPath()}/branches/${encodeURIComponent(proposer.branch)}`;
      await expect(world.forge("GET", branch)).rejects.toThrow("404");
    };
    await looksOn();
    await decide(`sha256:${"0".repeat(64)}`);
    await looksOn();
    expect(publisher.frames.filter(({ payload }) => payload["proposal_event_id"] === id)).toEqual([]);
    await decide(argsDigestOf(bytes));
    expect(await answerTo(publisher, id)).toMatchObject({ state: "open", branch: proposer.branch });
    expect(await pullsOf(proposer.branch)).toHaveLength(1);
  }, 120_000);

  it("waits while the forge is away and is published when it is back", async () => {
    const publisher = await start();
    const proposer = await createProposer(world, "patient");
    const made = await make(fix);
    await world.gitea.stop();
    const id = await proposer.propose(made);
    await eventually("it is tried again", () => publisher.retries() > 1, 60_000);
    await world.gitea.restart();
    expect(await answerTo(publisher, id)).toMatchObject({ state: "open" });
  }, 180_000);
});

describe("a proposal is refused", () => {
  let publisher: TestPublisher;
  beforeEach(async () => {
    publisher = await start();
  });
  const refusalOf = async (
    name: string,
    made: MadeProposal,
    change?: Readonly<Record<string, unknown>>,
    how?: { readonly secret?: string },
  ) => {
    const proposer = await createProposer(world, name, how);
    return answerTo(publisher, await proposer.propose(made, change));
  };

  it.each<readonly [string, string, (workspace: Workspace) => Promise<void>]>([
    ["a symbolic link", "EntryNotAllowed", (w) => w.addEntry("120000", "link", "/etc/passwd")],
    ["a submodule", "EntryNotAllowed", (w) => w.addEntry("160000", "vendor", world.seed.base)],
    [".gitattributes", "PathNotAllowed", (w) => w.add(".gitattributes", "* filter=x\n")],
    [".gitmodules in a folder", "PathNotAllowed", (w) => w.add("a/.GitModules", "x")],
    ["CI files", "PathNotAllowed", (w) => w.add(".gitea/workflows/x.yaml", "on: push\n")],
    [
      "CI files in another spelling",
      "PathNotAllowed",
      (w) => w.addEntry("100644", ".GitHub/workflows/x.yml", "on: push\n"),
    ],
    ["an owners file", "PathNotAllowed", (w) => w.add("docs/CODEOWNERS", "* @me\n")],
    ["names that collide", "PathNotAllowed", (w) => w.addEntry("100644", "SRC/add.js", "x")],
    [
      "a pointer of LFS",
      "EntryNotAllowed",
      (w) => w.add("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    ],
    ["nothing", "NothingChanged", (w) => w.allowEmpty()],
    [
      "201 files",
      "TooManyFiles",
      async (w) => {
        for (let i = 0; i < 201; i += 1) await w.addEntry("100644", `many/${i}.txt`, "x");
      },
    ],
  ])(
    "that holds %s",
    async (what, reason, work) => {
      const name = `h-${what
        .replaceAll(/[^a-z0-9]+/gi, "-")
        .toLowerCase()
        .slice(0, 30)}`.replace(/-$/, "");
      const proposer = await createProposer(world, name);
      const answer = await answerTo(publisher, await proposer.propose(await make(work)));
      expect(answer).toMatchObject({ state: "refused", reason });
      expect(await pullsOf(proposer.branch)).toEqual([]);
    },
    60_000,
  );

  it("that starts from a commit the server does not have", async () => {
    const made = await make(async (workspace) => {
      await workspace.add("a.txt", "a");
      await workspace.commit();
      await workspace.add("b.txt", "b");
    });
    const base = made.head;
    expect(await refusalOf("unrelated", { ...made, base })).toMatchObject({ state: "refused", reason: "BaseNotFound" });
  }, 60_000);

  it("whose bundle holds other refs, other bytes, no bundle, or broken objects", async () => {
    const two = await make(fix, { refs: ["refs/heads/proposal", "refs/heads/main"], thin: false });
    expect(await refusalOf("two-refs", two)).toMatchObject({ reason: "InvalidBundle" });
    const made = await make(fix);
    expect(await refusalOf("other-head", { ...made, head: made.base })).toMatchObject({ reason: "InvalidBundle" });
    expect(await refusalOf("no-bundle", { ...made, bundle: Buffer.from("hello") })).toMatchObject({
      reason: "InvalidBundle",
    });
    const broken = Buffer.from(made.bundle);
    broken.fill(7, broken.length - 60, broken.length - 20);
    expect(await refusalOf("broken", { ...made, bundle: broken })).toMatchObject({ reason: "InvalidBundle" });
    expect(await refusalOf("malformed", made, { base: "main" })).toMatchObject({ reason: "InvalidProposal" });
  }, 120_000);

  it("whose trees are written as no Git writes them, though they show no other change", async () => {
    const made = await make(async (workspace) => {
      await fix(workspace);
      const tree = await workspace.git("write-tree");
      const entries = (await workspace.git("ls-tree", tree)).split("\n");
      const padded = entries.map((entry) => {
        const [mode = "", , id = "", name = ""] = entry.split(/[ \t]/);
        return Buffer.concat([Buffer.from(`0${mode} ${name}\0`), Buffer.from(id, "hex")]);
      });
      await writeFile(join(workspace.dir, "raw"), Buffer.concat(padded));
      const raw = await workspace.git("hash-object", "-t", "tree", "-w", "--literally", "raw");
      const commit = await workspace.git("commit-tree", raw, "-p", world.seed.base, "-m", "work");
      await workspace.git("reset", "-q", "--soft", commit);
      workspace.keepHead();
    });
    const answer = await refusalOf("odd-trees", made);
    expect(answer).toMatchObject({ state: "refused", reason: "InvalidBundle" });
    expect(answer["message"]).toContain("zeroPaddedFilemode");
  }, 60_000);

  it("that goes to another repository or branch, or comes from an attempt that is over", async () => {
    const made = await make(fix);
    expect(await refusalOf("other-repo", made, { repo: "https://evil.invalid/a/b.git" })).toMatchObject({
      reason: "RepositoryNotAllowed",
    });
    expect(await refusalOf("other-branch", made, { branch: "release" })).toMatchObject({ reason: "BranchNotAllowed" });
    const proposer = await createProposer(world, "stale");
    await setAgentStatus(world.test.admin, proposer.agent, { attempt: 2 });
    expect(await answerTo(publisher, await proposer.propose(made))).toMatchObject({ reason: "StaleAttempt" });
  }, 120_000);

  it("that the mission's own policy is against, with a reason each", async () => {
    const refusalBy = async (name: string, policy: object, work: (w: Workspace) => Promise<void>) => {
      const proposer = await createProposer(world, name, { policy });
      return (await answerTo(publisher, await proposer.propose(await make(work))))["reason"];
    };
    const key = ["AKIA", "QWERTYUIOPASDFGH"].join("");
    const leak = (w: Workspace): Promise<void> => w.add("src/add.js", `// ${key}\n`);
    const two = async (w: Workspace): Promise<void> => (await fix(w), w.add("b.txt", "b\n"));
    expect(await refusalBy("p-allowed", { allowedPaths: ["docs/**"] }, fix)).toBe("PathNotInPolicy");
    expect(await refusalBy("p-denied", { deniedPaths: ["SRC"] }, fix)).toBe("PathDenied");
    expect(await refusalBy("p-many", { maxChangedFiles: 1 }, two)).toBe("TooManyFiles");
    expect(await refusalBy("p-secret", {}, leak)).toBe("SecretFound");
    const free = await createProposer(world, "p-free", { policy: { allowedPaths: ["src"], rejectSecrets: false } });
    expect(await answerTo(publisher, await free.propose(await make(leak)))).toMatchObject({ state: "open" });
  }, 120_000);

  it("whose credential is wrong, or whose Secret is missing", async () => {
    const made = await make(fix);
    expect(await refusalOf("wrong-password", made, {}, { secret: "wrong" })).toMatchObject({
      state: "refused",
      reason: "AuthenticationFailed",
    });
    expect(await refusalOf("no-secret", made, {}, { secret: "none" })).toMatchObject({ reason: "SecretNotFound" });
  }, 60_000);

  it("when its branch holds someone else's work", async () => {
    const proposer = await createProposer(world, "taken");
    const branches = { new_branch_name: proposer.branch, old_branch_name: "main" };
    await world.forge("POST", `${repoPath()}/branches`, branches);
    const answer = await answerTo(publisher, await proposer.propose(await make(fix)));
    expect(answer).toMatchObject({ state: "refused", reason: "BranchTaken" });
  }, 60_000);
});

it("a bundle that is none is refused without asking the forge", async () => {
  const publisher = await start();
  const proposer = await createProposer(world, "junk");
  const made = await make(fix);
  await world.gitea.stop();
  try {
    const id = await proposer.propose({ ...made, bundle: Buffer.from("junk") });
    expect(await answerTo(publisher, id)).toMatchObject({ state: "refused", reason: "InvalidBundle" });
    expect(publisher.retries()).toBe(0);
  } finally {
    await world.gitea.restart();
  }
}, 120_000);

describe("a repository that is larger than the publisher has room for", () => {
  it("ends the proposal with that, and not the publisher", async () => {
    const publisher = await start({ maxRepositoryBytes: 512 });
    const proposer = await createProposer(world, "large");
    const answer = await answerTo(publisher, await proposer.propose(await make(fix)));
    expect(answer).toMatchObject({ state: "refused", reason: "RepositoryTooLarge" });
    expect(publisher.retries()).toBe(0);
  }, 120_000);
});

describe("an agent's branch", () => {
  const headOf = async (branch: string): Promise<string> =>
    (await world.forge<{ commit: { id: string } }>("GET", `${repoPath()}/branches/${encodeURIComponent(branch)}`))
      .commit.id;

  it("never goes back to an earlier proposal that comes late", async () => {
    const [waits, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let asked = 0;
    const publisher = await start({
      beforePush: async () => ((asked += 1) === 1 ? retry("the forge is away") : undefined),
      pause: () => (waits.resolve(), goesOn.promise),
    });
    const proposer = await createProposer(world, "order");
    const first = await proposer.propose(await make((w) => w.add("src/add.js", "exports.add = () => 'early';\n")));
    await waits.promise;
    const second = await answerTo(publisher, await proposer.propose(await make(fix)));
    goesOn.resolve();
    expect(await answerTo(publisher, first)).toMatchObject({ state: "refused", reason: "Superseded", proposal_seq: 1 });
    expect(await headOf(proposer.branch)).toBe(second["head"]);
  }, 120_000);

  it("is left as it is by a mission that was made anew under the same name", async () => {
    const publisher = await start();
    const first = await createProposer(world, "anew");
    const early = await answerTo(publisher, await first.propose(await make(fix)));
    const { admin } = world.test;
    for (const [kind, { metadata }] of [
      [agents, first.agent],
      [missions, first.mission],
    ] as const)
      await admin.delete(kind, { namespace: world.namespace, name: metadata.name, uid: metadata.uid });
    const second = await createProposer(world, "anew", { pod: first.pod });
    const other = await make((w) => w.add("src/add.js", "exports.add = (a, b) => b + a;\n"));
    const late = await answerTo(publisher, await second.propose(other));
    expect(late).toMatchObject({ state: "open", branch: second.branch });
    expect(late["number"]).not.toBe(early["number"]);
    expect(await headOf(first.branch)).toBe(early["head"]);
  }, 120_000);

  it("is not pushed to by a mission that ended while its proposal was being looked at", async () => {
    const { admin } = world.test;
    const proposer = await createProposer(world, "ending");
    const beforePush = async (): Promise<void> => {
      const ref = { namespace: world.namespace, name: "ending" };
      const { uid, resourceVersion } = (await admin.get(missions, ref)).metadata;
      const ended = { ...condition("Failed", "AgentFailed"), observedGeneration: 1 };
      await admin.patchStatus(missions, { ...ref, uid, resourceVersion }, { conditions: [ended] });
    };
    const publisher = await start({ beforePush });
    const answer = await answerTo(publisher, await proposer.propose(await make(fix)));
    expect(answer).toMatchObject({ state: "refused", reason: "MissionFinished" });
    await expect(headOf(proposer.branch)).rejects.toThrow("404");
  }, 120_000);
});

describe("a forge whose repository was renamed", () => {
  const rename = (from: string, to: string): Promise<unknown> =>
    world.forge("PATCH", `/repos/${world.gitea.adminUser}/${from}`, { name: to });

  it("ends the proposal at once, with the new address", async () => {
    const publisher = await start();
    const proposer = await createProposer(world, "renamed");
    const made = await make(fix);
    await rename("calculator", "abacus");
    try {
      const answer = await answerTo(publisher, await proposer.propose(made));
      expect(answer).toMatchObject({ state: "refused", reason: "Redirected" });
      expect(answer["message"]).toContain(`${world.gitea.url}/${world.gitea.adminUser}/abacus`);
      expect(publisher.retries()).toBe(0);
    } finally {
      await rename("abacus", "calculator");
    }
  }, 120_000);

  it("says so at its API too", async () => {
    const { adminUser, adminPassword, caPem } = world.gitea;
    const open = createOpenForge({ ca: [caPem], timeoutMs: 10_000, clock: systemClock() });
    const forge = await open(new URL(world.repo), { username: adminUser, password: adminPassword });
    if (forge.kind !== "ok") throw new Error(forge.message);
    await rename("calculator", "abacus");
    try {
      expect(await forge.value.findPullRequest("b", "c")).toMatchObject({
        kind: "refused",
        reason: "Redirected",
        message: expect.stringContaining(`${world.gitea.url}/${adminUser}/abacus.git`),
      });
    } finally {
      await rename("abacus", "calculator");
    }
  }, 120_000);
});

describe("a forge that tells strangers nothing", () => {
  beforeAll(async () => {
    await world.gitea.stop();
    const config = join(world.root, "gitea", "data", "app.ini");
    await writeFile(
      config,
      (await readFile(config, "utf8")).replace("[service]", "[service]\nREQUIRE_SIGNIN_VIEW = true"),
    );
    await world.gitea.restart();
  }, 120_000);

  it("is asked with the credential", async () => {
    const stranger = await createForgeFetch({ ca: [world.gitea.caPem], timeoutMs: 10_000, clock: systemClock() })(
      `${world.gitea.url}/api/v1/version`,
    );
    expect(stranger.ok).toBe(false);
    const publisher = await start();
    const proposer = await createProposer(world, "signed-in");
    expect(await answerTo(publisher, await proposer.propose(await make(fix)))).toMatchObject({ state: "open" });
  }, 120_000);

  it("refuses a credential that it does not know", async () => {
    const open = createOpenForge({ ca: [world.gitea.caPem], timeoutMs: 10_000, clock: systemClock() });
    expect(await open(new URL(world.repo), { username: "nobody", password: "wrong" })).toMatchObject({
      kind: "refused",
      reason: "AuthenticationFailed",
    });
  }, 60_000);
});
