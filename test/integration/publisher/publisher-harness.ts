import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import type { MissionSpecInput } from "#nervous-system/schemas/resources/mission.ts";
import { signalFilter } from "#nervous-system/schemas/subjects.ts";
import { startGitea, type GiteaServer } from "#platform/stores/gitea.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { requestForge } from "#platform/stores/gitea-api.ts";
import { run } from "#platform/process/run.ts";
import { createOpenForge } from "#supervisor/forge/open-forge.ts";
import type { Forge } from "#supervisor/forge/forge.ts";
import {
  answerProposal,
  publisherClusterAccess,
  publisherTenantAccess,
  type AnswerTools,
} from "#supervisor/publish/answer-proposal.ts";
import { openParkedProposals } from "#supervisor/publish/parked-proposals.ts";
import { runPublisher, type PublisherLoop } from "#supervisor/publish/run-publisher.ts";
import { asStep, done, refuse, type Retryable, type Step } from "#supervisor/publish/proposal.ts";
import { openWorkMarks } from "#supervisor/publish/work-marks.ts";
import {
  clientWithAccess,
  createAccount,
  createAgent,
  createMission,
  createModel,
  createSecret,
  startSwarmPlane,
} from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { connectTestBus, createCleanup, startTestNats, type Cleanup } from "#test/integration/pipeline/bus-harness.ts";
import { createSeed, type MadeProposal } from "#test/integration/publisher/coder-workspace.ts";

/** A forge with a repository, a cluster with a mission on it, a stream, and the rights of the publisher. */
export type PublisherWorld = {
  readonly root: string;
  readonly gitea: GiteaServer;
  readonly repo: string;
  readonly seed: Awaited<ReturnType<typeof createSeed>>;
  readonly test: TestPlane;
  readonly client: KubeClient;
  readonly namespace: string;
  readonly nats: NatsServer;
  readonly bus: Bus;
  readonly cleanup: Cleanup;
  readonly blobs: Map<string, Buffer>;
  /** Asks the forge's API as its administrator. */
  forge<T>(method: string, path: string, body?: unknown): Promise<T>;
  stop(): Promise<void>;
};

const pushSeed = async (gitea: GiteaServer, seed: { readonly dir: string }, repo: string): Promise<void> => {
  const url = new URL(repo);
  [url.username, url.password] = [gitea.adminUser, gitea.adminPassword];
  await run(["git", "-C", seed.dir, "push", "-q", url.href, "main"], { env: { GIT_SSL_CAINFO: gitea.caFile } });
};

const askerOf =
  (gitea: GiteaServer) =>
  async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const login = { url: gitea.url, caPem: gitea.caPem, user: gitea.adminUser, password: gitea.adminPassword };
    const answer = await requestForge(login, method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return (answer.body === "" ? undefined : JSON.parse(answer.body)) as T;
  };

/** Starts it all on loopback. */
export const startPublisherWorld = async (): Promise<PublisherWorld> => {
  const cleanup = createCleanup();
  const root = await mkdtemp(join(tmpdir(), "enchanted-publisher-"));
  cleanup.add(() => rm(root, { recursive: true, force: true }));
  const gitea = await startGitea({ dir: join(root, "gitea") });
  cleanup.add(() => gitea.stop());
  const forge = askerOf(gitea);
  await forge("POST", "/user/repos", { name: "calculator", private: true });
  const repo = `${gitea.url}/${gitea.adminUser}/calculator.git`;
  const seed = await createSeed(root);
  await pushSeed(gitea, seed, repo);
  const nats = await startTestNats(cleanup);
  const bus = await connectTestBus(nats, cleanup);
  const test = await startSwarmPlane();
  cleanup.add(() => test.stop());
  const namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  await createModel(test.admin, namespace, "open", {});
  const git = { use: "git", repositories: repo } as const;
  const login = { username: gitea.adminUser, password: gitea.adminPassword };
  await createSecret(test.admin, { namespace, name: "forge" }, git, login);
  await createSecret(test.admin, { namespace, name: "wrong" }, git, { ...login, password: "wrong" });
  const user = "system:serviceaccount:enchanted-system:enchanted-publisher";
  const access = { cluster: publisherClusterAccess, tenant: publisherTenantAccess, namespace };
  const { client, close } = await clientWithAccess(test, user, access);
  cleanup.add(close);
  const parts = { root, gitea, repo, seed, test, client, namespace, nats, bus, cleanup, forge };
  return { ...parts, blobs: new Map(), stop: cleanup.run };
};

type MissionInput = Pick<MissionSpecInput["workspace"], "policy" | "publish"> & Pick<MissionSpecInput, "approvals">;

/** A mission with one agent, who can propose. */
export type Proposer = {
  readonly mission: Mission;
  readonly agent: Agent;
  readonly pod: Pod;
  /** Where its proposals are pushed to. */
  readonly branch: string;
  /** Puts a PROPOSAL into the stream and its bundle among the blobs; answers its event id. */
  propose(made: MadeProposal, change?: Readonly<Record<string, unknown>>): Promise<string>;
};

/** Creates a mission on the world's repository, and its agent at work in attempt 1. */
export const createProposer = async (
  world: PublisherWorld,
  name: string,
  how: { readonly secret?: string; readonly pod?: Pod } & MissionInput = {},
): Promise<Proposer> => {
  const { namespace, test, repo, bus } = world;
  const mission = await createMission(
    test.admin,
    { namespace, name },
    {
      workspace: { repo, secretRef: { name: how.secret ?? "forge" }, policy: how.policy, publish: how.publish },
      approvals: how.approvals,
    },
  );
  const { agent, pod } = await createAgent(
    test.admin,
    { namespace, name: `${name}-coder` },
    { mission: name, model: "open" },
    how.pod,
  );
  const chain = chainBuilder({
    agent_uid: agent.metadata.uid,
    mission_uid: mission.metadata.uid,
    mission: name,
    namespace,
  });
  return {
    mission,
    agent,
    pod,
    branch: `swarm/${name}-${mission.metadata.uid.slice(0, 8)}/${agent.metadata.name}`,
    propose: async (made, change = {}) => {
      world.blobs.set(made.digest, made.bundle);
      const payload = {
        bundle: made.digest,
        bundle_bytes: made.bundle.length,
        repo,
        branch: "main",
        base: made.base,
        head: made.head,
        title: "Add numbers instead of subtracting them",
        body: "The test of add failed.\nRecord: forged\n",
        files: [{ path: "src/add.js", change: "modified" }],
        ...change,
      };
      const frame = chain.next({ event_type: "PROPOSAL", agent_id: agent.metadata.name, payload });
      await bus.publisher.publish([frame]);
      return frame.envelope.event_id;
    },
  };
};

/** A publisher at work, and what it wrote into the record. */
export type TestPublisher = {
  readonly frames: ComponentEvent[];
  readonly retries: () => number;
  /** Resolves when the loop ended; rejects with why it could not go on. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
  /** Takes it away in the middle of what it does, as a crash would. */
  kill(): void;
};

/** What a test changes about a publisher. */
export type PublisherChange = {
  readonly wrapForge?: (forge: Forge) => Forge;
  /** Called once the forge is known and before anything is pushed; may say that the forge is away. */
  readonly beforePush?: () => Promise<Retryable | void>;
  /** In place of a short pause before what is to be tried again. */
  readonly pause?: () => Promise<void>;
  readonly beforeRecord?: (frame: ComponentEvent) => Promise<void>;
  readonly onPublished?: PublisherLoop["onPublished"];
  readonly durable?: string;
  readonly maxRepositoryBytes?: number;
};

/** Starts a publisher on the world's stream. */
export const startTestPublisher = async (
  world: PublisherWorld,
  change: PublisherChange = {},
): Promise<TestPublisher> => {
  const clock = systemClock();
  const frames: ComponentEvent[] = [];
  let retries = 0;
  const openForge = createOpenForge({ ca: [world.gitea.caPem], timeoutMs: 10_000, clock });
  const scratchDir = join(world.root, "scratch");
  await mkdir(scratchDir, { recursive: true });
  const tools: AnswerTools = {
    client: world.client,
    clock,
    env: { PATH: process.env["PATH"] },
    scratchDir,
    caFile: world.gitea.caFile,
    maxRepositoryBytes: change.maxRepositoryBytes ?? 1024 ** 3,
    readBundle: (proposal): Promise<Step<Buffer>> => {
      const bytes = world.blobs.get(proposal.bundle);
      return Promise.resolve(bytes === undefined ? refuse("BundleNotFound", "no such blob") : done(bytes));
    },
    openForge: async ({ repo, credentials }): Promise<Step<Forge>> => {
      const opened = await openForge(repo, credentials);
      const away = await change.beforePush?.();
      if (away !== undefined) return away;
      return opened.kind === "ok" ? done(change.wrapForge?.(opened.value) ?? opened.value) : asStep(opened);
    },
  };
  const durable = change.durable ?? "publisher";
  const reader = await world.bus.openReader({
    name: durable,
    filter: signalFilter,
    types: new Set(["PROPOSAL"]),
    maxAckPending: 256,
    ackWaitMs: 60_000,
    prefetch: 16,
  });
  const stopping = new AbortController();
  const record = {
    write: async (frame: ComponentEvent) => {
      await change.beforeRecord?.(frame);
      frames.push(frame);
      return frame.eventId ?? "";
    },
  };
  const ended = runPublisher(
    {
      reader,
      record,
      clock: { ...clock, sleep: (_ms, signal) => change.pause?.() ?? clock.sleep(50, signal) },
      random: () => 0,
      log: silentLog,
      answer: (frame, signal) => answerProposal({ ...tools, signal }, frame),
      marks: await openWorkMarks(await mkdtemp(join(world.root, "at-work-"))),
      parked: await openParkedProposals(await mkdtemp(join(world.root, "waiting-")), 2 ** 20, silentLog),
      concurrency: 4,
      mostOpen: 100,
      mostOfAgent: 100,
      mostOfNamespace: 100,
      mostRefused: 100,
      giveUpAfterMs: 60_000,
      onEnd: () => undefined,
      onPublished: async (frame, end) => change.onPublished?.(frame, end),
      onRetry: () => (retries += 1),
    },
    stopping.signal,
  ).finally(() => reader.close());
  ended.catch(() => undefined);
  return {
    frames,
    retries: () => retries,
    ended,
    kill: () => {
      stopping.abort(new Error("killed"));
      reader.close();
    },
    stop: async () => {
      stopping.abort(new Error("the test is over"));
      await ended.catch(() => undefined);
    },
  };
};

/** What the publisher answered a proposal with, once it has. */
export const answerTo = async (publisher: TestPublisher, eventId: string): Promise<Record<string, unknown>> => {
  const find = () => publisher.frames.find((frame) => frame.payload["proposal_event_id"] === eventId);
  await eventually(`the answer to ${eventId}`, () => find() !== undefined, 60_000);
  return { ...find()?.payload };
};
