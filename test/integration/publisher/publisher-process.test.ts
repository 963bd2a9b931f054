import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { freePort } from "#platform/process/ports.ts";
import { createCollectorBlobs } from "#pipeline/gateway/collector-blobs.ts";
import { publisherClusterAccess, publisherTenantAccess } from "#supervisor/publish/answer-proposal.ts";
import { createAccount, createPod, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { readFrames } from "#test/integration/pipeline/bus-harness.ts";
import {
  startTestAgent,
  startTestCollector,
  send,
  type TestCollector,
} from "#test/integration/pipeline/collector-harness.ts";
import { createMission, kubeconfigWithAccess } from "#test/integration/gateway/swarm-plane.ts";
import { propose } from "#test/integration/publisher/coder-workspace.ts";
import { startPublisherWorld, type PublisherWorld } from "#test/integration/publisher/publisher-harness.ts";

const podName = "enchanted-publisher-0";
let world: PublisherWorld;
let collector: TestCollector;
let environment: Record<string, string>;

beforeAll(async () => {
  world = await startPublisherWorld();
  collector = await startTestCollector(world.test, world.nats, world.cleanup);
  const { releaseNamespace } = collector;
  const { admin } = world.test;
  await createAccount(admin, releaseNamespace, "enchanted-publisher");
  const pod = await createPod(admin, releaseNamespace, podName, "enchanted-publisher");
  const account = { namespace: releaseNamespace, name: "enchanted-publisher" };
  await writeFile(join(world.root, "token"), await tokenFor(admin, account, "enchanted-collector", pod));
  const access = { cluster: publisherClusterAccess, tenant: publisherTenantAccess, namespace: world.namespace };
  environment = {
    PATH: process.env["PATH"] ?? "",
    KUBECONFIG: await kubeconfigWithAccess(
      world.test,
      `system:serviceaccount:${releaseNamespace}:publisher-process`,
      access,
    ),
    ENCHANTED_RELEASE_NAMESPACE: releaseNamespace,
    ENCHANTED_POD_NAME: podName,
    ENCHANTED_CA_FILE: collector.caFile,
    ENCHANTED_COLLECTOR: `127.0.0.1:${collector.collector.port}`,
    ENCHANTED_TOKEN_FILE: join(world.root, "token"),
    ENCHANTED_WAL_DIR: join(world.root, "wal"),
    ENCHANTED_SCRATCH_DIR: join(world.root, "process-scratch"),
    ENCHANTED_EXTRA_CA_FILE: world.gitea.caFile,
    ENCHANTED_HEALTH_PORT: "0",
    NATS_URL: world.nats.url,
  };
}, 900_000);
afterAll(() => world?.stop(), 120_000);

/** The supervisor as its image runs it, and what it logged. */
const startSupervisor = (
  args: readonly string[],
  env: Record<string, string>,
): { child: ChildProcess; output: () => string } => {
  const child = spawn(process.execPath, ["supervisor/main.ts", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
};

describe("the publisher's process", () => {
  it("takes a bundle from the collector, opens the pull request and answers in the stream, then stops when told", async () => {
    const { namespace, test, repo, bus } = world;
    const mission = await createMission(
      test.admin,
      { namespace, name: "whole" },
      { workspace: { repo, secretRef: { name: "forge" } } },
    );
    const agent = await startTestAgent(test, collector, { namespace, mission }, "whole-coder");
    const made = await propose(world.root, world.seed, (workspace) =>
      workspace.add("src/add.js", "exports.add = (a, b) => a + b;\n"),
    );
    const bundle = await createCollectorBlobs(agent.client).put("", made.bundle);
    expect(bundle).toBe(made.digest);
    const files = [{ path: "src/add.js", change: "modified" }];
    const words = { title: "Add instead of subtracting", body: "The test failed.", branch: "main", files };
    const payload = { bundle, bundle_bytes: made.bundle.length, repo, base: made.base, head: made.head, ...words };
    const frame = agent.chain.next({ event_type: "PROPOSAL", agent_id: "whole-coder", payload });
    await send(agent.client, [frame]);

    const { child, output } = startSupervisor(["publisher"], environment);
    const answers = async () => {
      const frames = await readFrames(bus);
      return frames.filter((one) => one.envelope.event_type === "PUBLICATION");
    };
    await eventually(
      "an answer in the stream",
      async () => {
        if (child.exitCode !== null) throw new Error(`the publisher ended: ${output()}`);
        return (await answers()).length > 0;
      },
      60_000,
    );
    const [answer] = await answers();
    expect(answer?.envelope).toMatchObject({
      producer: "supervisor",
      mission_uid: mission.metadata.uid,
      about: { agent_uid: agent.agent.metadata.uid, epoch: 1 },
    });
    expect(JSON.parse(Buffer.from(answer?.bytes ?? "").toString())).toMatchObject({
      payload: {
        state: "open",
        proposal_event_id: frame.envelope.event_id,
        branch: `swarm/whole-${mission.metadata.uid.slice(0, 8)}/whole-coder`,
      },
    });
    // It is asked about from now on, by whichever process.
    expect(await readdir(join(environment["ENCHANTED_WAL_DIR"] ?? "", "watched"))).toHaveLength(1);
    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
    expect(output()).not.toContain(world.gitea.adminPassword);
  }, 120_000);

  it("records what the criteria of a mission came to, once, over its restarts", async () => {
    const { namespace, test, bus } = world;
    const now = new Date().toISOString();
    const message = "`npm test` ended with exit code 1 on the published branch.";
    const told = { reason: "CriteriaFailed", message };
    const conditions = [{ type: "Failed", status: "True", ...told, lastTransitionTime: now, observedGeneration: 1 }];
    const verification = { attempt: 1, podName: "judged-verify-1", commit: "ab".repeat(20), exitCode: 1 };
    const outcome = { ...told, evidence: "1 failing" };
    const mission = await createMission(test.admin, { namespace, name: "judged" }, {}, {
      conditions,
      verification,
      outcome,
    } as MissionStatus);
    const verdicts = async () =>
      (await readFrames(bus)).filter(
        ({ envelope }) => envelope.event_type === "VERDICT" && envelope.mission === "judged",
      );
    for (const life of ["first", "second"]) {
      const { child, output } = startSupervisor(["publisher"], environment);
      await eventually(
        `the ${life} has read the missions`,
        () => Promise.resolve(/"missions followed"/.test(output())),
        60_000,
      );
      await eventually("a verdict in the stream", async () => (await verdicts()).length > 0, 60_000);
      child.kill("SIGTERM");
      expect(await once(child, "exit")).toEqual([0, null]);
    }
    const [verdict, ...more] = await verdicts();
    expect(more).toEqual([]);
    expect(verdict?.envelope).toMatchObject({ producer: "supervisor", mission_uid: mission.metadata.uid, namespace });
    expect(JSON.parse(Buffer.from(verdict?.bytes ?? "").toString())).toMatchObject({
      payload: { gate: "success criteria", subject: "ab".repeat(20), passed: false, findings: [message, "1 failing"] },
    });
  }, 180_000);

  it("that is killed three times at the same proposal refuses it, and does not begin with it for ever", async () => {
    const { namespace, test, repo, bus } = world;
    const workspace = { repo, secretRef: { name: "forge" } };
    const mission = await createMission(test.admin, { namespace, name: "poison" }, { workspace });
    const agent = await startTestAgent(test, collector, { namespace, mission }, "poison-coder");
    const made = await propose(world.root, world.seed, (workspace) => workspace.add("src/add.js", "poison\n"));
    const bundle = await createCollectorBlobs(agent.client).put("", made.bundle);
    const words = { title: "t", body: "", branch: "main", files: [] };
    const payload = { bundle, bundle_bytes: made.bundle.length, repo, base: made.base, head: made.head, ...words };
    const frame = agent.chain.next({ event_type: "PROPOSAL", agent_id: "poison-coder", payload });
    await send(agent.client, [frame]);
    const atWork = join(environment["ENCHANTED_WAL_DIR"] ?? "", "at-work");
    // It stands at the proposal as long as the forge's answer to Git does not come.
    world.gitea.kill("SIGSTOP");
    try {
      for (let life = 1; life <= 3; life += 1) {
        const { child } = startSupervisor(["publisher"], environment);
        const isAtIt = async (): Promise<boolean> => {
          const [mark = ""] = await readdir(atWork).catch(() => []);
          return mark !== "" && (await readFile(join(atWork, mark), "utf8")) === String(life);
        };
        await eventually("it is at work on the proposal", isAtIt, 60_000);
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    } finally {
      world.gitea.kill("SIGCONT");
    }
    const { child } = startSupervisor(["publisher"], environment);
    const answers = async () => {
      const frames = await readFrames(bus);
      return frames.filter(({ envelope }) => envelope.event_type === "PUBLICATION" && envelope.mission === "poison");
    };
    await eventually("an answer in the stream", async () => (await answers()).length > 0, 60_000);
    const [answer] = await answers();
    expect(JSON.parse(Buffer.from(answer?.bytes ?? "").toString())).toMatchObject({
      payload: { state: "refused", reason: "PublisherKilled", proposal_event_id: frame.envelope.event_id },
    });
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  }, 240_000);

  it("stops when told while it waits for a NATS that is away, and has said why it waits", async () => {
    const away = { ...environment, NATS_URL: `tls://127.0.0.1:${await freePort()}` };
    const { child, output } = startSupervisor(["publisher"], away);
    await eventually("it says that it waits", () => Promise.resolve(output().includes("NATS cannot be reached yet")));
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(output()).toContain("refused");
  }, 60_000);

  it("says what is wrong with its command line or its environment", async () => {
    const wrong = startSupervisor(["nonsense"], environment);
    expect(await once(wrong.child, "exit")).toEqual([64, null]);
    expect(wrong.output()).toContain("usage: main.js publisher");
    const { NATS_URL: _, ...lacking } = environment;
    const without = startSupervisor(["publisher"], lacking);
    expect(await once(without.child, "exit")).toEqual([64, null]);
    expect(without.output()).toContain("NATS_URL: is not set");
  }, 60_000);
});
