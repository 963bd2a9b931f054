import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { namespaceMetadata, recallMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createSemaphore } from "#nervous-system/kernel/semaphore.ts";
import {
  RecallRequestSchema,
  RecallResponseSchema,
  type RecallResponse,
} from "#nervous-system/schemas/gen/context_pb.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { summarizerSettings } from "#pipeline/summarizer/settings.ts";
import { startSummarizer } from "#pipeline/summarizer/start.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { listenForService } from "#scribe/inputs/context-service.ts";
import { createAccount, createPod, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, readFrames, startTestNats, temporaryDirectory } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import {
  missionIn,
  startTestAgent,
  startTestCollector,
  type TestAgent,
  type TestCollector,
} from "./collector-harness.ts";
import { startTestLedger } from "./ledger-harness.ts";
import { startTestMemory, type TestMemory } from "./memory-harness.ts";
import { summarizerEnvironment, tellMission } from "./summarizer-harness.ts";
import { memoryEnvironment, askOver, startTestReader, type TestReaderServer } from "./reader-server.ts";

const cleanup = createCleanup();
let plane: TestPlane;
let nats: NatsServer;
let memory: TestMemory;
let server: TestReaderServer;
let collector: TestCollector;
let ours: Awaited<ReturnType<typeof missionIn>>;
let theirs: Awaited<ReturnType<typeof missionIn>>;

/** A token of a pod of an account, as the kubelet would project it. */
const podToken = async (namespace: string, account: string): Promise<string> => {
  await createAccount(plane.admin, namespace, account);
  const pod = await createPod(plane.admin, namespace, `${account}-0`, account);
  return tokenFor(plane.admin, { namespace, name: account }, "enchanted-collector", pod);
};

let place = 0;
const lesson = (namespace: string, n: number, text: string, more: object = {}): StoredFrame => ({
  ...chainBuilder({ agent_uid: agentUid(n), namespace }).next({
    event_type: "LESSON",
    event_id: `lesson-${n}`,
    payload: { state: "learned", text, ...more },
  }),
  place: (place += 512),
  storedNs: 1n,
});

/** What the publisher says of the pull request of the lessons' mission. */
const publication = (namespace: string, state: string): StoredFrame => ({
  ...chainBuilder({ agent_uid: agentUid(80), namespace, producer: "supervisor", recorder: "supervisor" }).next({
    event_type: "PUBLICATION",
    payload: { state, url: "https://forge/1", number: 1 },
  }),
  place: (place += 512),
  storedNs: 1n,
});

const remember = async (...frames: StoredFrame[]): Promise<void> => {
  const sink = memory.sink();
  await sink.prepare();
  const [from = 0, to = 0] = [frames[0]?.place, frames.at(-1)?.place];
  const cut = { stream: "2026-11-30T00:00:00Z", from, to, hash: "" };
  const result = await sink.write({ cut, frames }, new AbortController().signal);
  await sink.close();
  if (result.kind !== "written") throw new Error(JSON.stringify(result));
};

type Recall = MessageInitShape<typeof RecallRequestSchema>;

const recallOver = async (
  client: GrpcClient,
  request: Recall,
  metadata: Readonly<Record<string, string>> = {},
): Promise<RecallResponse> => {
  const bytes = Buffer.from(toBinary(RecallRequestSchema, create(RecallRequestSchema, request)));
  return fromBinary(RecallResponseSchema, await client.unary(recallMethod, bytes, { deadlineMs: 20_000, metadata }));
};

const failureOf = (call: Promise<unknown>): Promise<GrpcFailure> =>
  call.then(
    () => Promise.reject(new Error("the call succeeded")),
    (error: unknown) => error as GrpcFailure,
  );

const agentIn = (mission: Awaited<ReturnType<typeof missionIn>>, name: string): Promise<TestAgent> =>
  startTestAgent(plane, collector, mission, name);

beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  nats = await startTestNats(cleanup);
  const ledger = await startTestLedger(cleanup);
  memory = await startTestMemory(cleanup);
  collector = await startTestCollector(plane, nats, cleanup, {
    reader: async (releaseNamespace) => {
      server = await startTestReader(plane, ledger, cleanup, {
        ...memoryEnvironment(memory),
        ENCHANTED_RELEASE_NAMESPACE: releaseNamespace,
      });
      return server.clientOf(await podToken(releaseNamespace, "enchanted-collector"));
    },
  });
  [ours, theirs] = [await missionIn(plane), await missionIn(plane)];
  await remember(
    lesson(ours.namespace, 1, "Problem: pollers of the token bucket starve. Done: advance by whole intervals.", {
      files: ["src/token-bucket.js"],
      libraries: ["pkg:npm/lodash"],
    }),
    lesson(ours.namespace, 2, "Problem: the parser drops the last line. Done: flush at the end."),
    lesson(theirs.namespace, 3, "Problem: pollers of the token bucket starve. Done: our secret way.", {
      files: ["src/token-bucket.js"],
    }),
    publication(ours.namespace, "merged"),
  );
}, 900_000);
afterAll(() => cleanup.run(), 120_000);

describe("an agent that asks what was learned before", () => {
  it("is told the lessons of its namespace, the best first, with their ids", async () => {
    const { client } = await agentIn(ours, "asks");
    const { lessons, trouble } = await recallOver(client, {
      what: "pollers starve: the token bucket gives them nothing",
    });
    expect(trouble).toBe("");
    expect(lessons.map(({ eventId }) => eventId)).toEqual(["lesson-1", "lesson-2"]);
    expect(lessons[0]).toMatchObject({
      text: "Problem: pollers of the token bucket starve. Done: advance by whole intervals.",
      accepted: false,
      outcome: "merged",
      mission: "fix-bug",
      place: 512n,
      files: ["src/token-bucket.js"],
      libraries: ["pkg:npm/lodash"],
    });
    expect(lessons[0]?.score).toBeGreaterThan(lessons[1]?.score ?? 1);
  });

  it("is told of a file only what is about it, and of a library too", async () => {
    const { client } = await agentIn(ours, "narrow");
    const idsOf = async (more: Recall): Promise<string[]> =>
      (await recallOver(client, { what: "it drops the last line", ...more })).lessons.map(({ eventId }) => eventId);
    expect(await idsOf({ paths: ["src/token-bucket.js", "with a blank.js"] })).toEqual(["lesson-1"]);
    expect(await idsOf({ libraries: ["pkg:npm/lodash"] })).toEqual(["lesson-1"]);
    expect(await idsOf({ paths: ["src/other.js"] })).toEqual([]);
    expect(await idsOf({ limit: 1 })).toEqual(["lesson-2"]);
  });

  it("never sees what another tenant learned, whatever namespace it names", async () => {
    const what = "pollers of the token bucket starve";
    const { client } = await agentIn(ours, "curious");
    const named = await recallOver(client, { what, limit: 8 }, { [namespaceMetadata]: theirs.namespace });
    expect(named.lessons.map(({ eventId }) => eventId)).toEqual(["lesson-1", "lesson-2"]);
    const other = await agentIn(theirs, "other");
    const { lessons } = await recallOver(other.client, { what, limit: 8 });
    expect(lessons.map(({ eventId }) => eventId)).toEqual(["lesson-3"]);
  });

  it("asks through its scribe's service port, which holds no token of its own", async () => {
    const { client } = await agentIn(ours, "by-scribe");
    const clock = systemClock();
    const room = { bytes: createSemaphore(12 * 1024 * 1024), withinMs: 30_000 };
    const service = await listenForService({ port: 0, collector: client, room, clock, log: silentLog });
    const local = createGrpcClient({ address: `127.0.0.1:${service.port}`, clock });
    try {
      const { lessons } = await recallOver(local, { what: "a poller starves", limit: 1 });
      expect(lessons.map(({ eventId }) => eventId)).toEqual(["lesson-1"]);
    } finally {
      local.close();
      await service.close(500);
    }
  });

  it("is refused without words, and where it asks more than it may", async () => {
    const { client } = await agentIn(ours, "greedy");
    expect(await failureOf(recallOver(client, { what: " " }))).toMatchObject({ code: grpcStatus.invalidArgument });
    const asked = Array.from({ length: 40 }, () => recallOver(client, { what: "x" }).then(() => "answered"));
    const ends = await Promise.allSettled(asked);
    const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as GrpcFailure] : []));
    expect(refused.length).toBeGreaterThan(15);
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set([grpcStatus.unavailable]));
    // Others of its namespace are not.
    const calm = await agentIn(ours, "calm");
    expect((await recallOver(calm.client, { what: "pollers starve" })).lessons).toHaveLength(2);
  });
});

describe("what a mission learned", () => {
  it("is recalled by the agent of another mission, once summarizer and memory have it", async () => {
    const settings = summarizerSettings.parse(
      await summarizerEnvironment(plane, collector, await temporaryDirectory(cleanup)),
    );
    const parts = { clock: systemClock(), random: Math.random, log: silentLog, healthPort: 0, ids: randomIds() };
    const connectBus = () => connectTestBus(nats, cleanup);
    const summarizer = await startSummarizer({ ...parts, settings, connectBus });
    const uid = await tellMission(plane, collector, theirs.namespace, "sluice");
    const written = async (): Promise<StoredFrame[]> =>
      (await readFrames(collector.bus)).filter(({ envelope }) => envelope.mission_uid === uid);
    const isLesson = ({ envelope }: StoredFrame): boolean => envelope.event_type === "LESSON";
    await eventually("the lesson in the stream", async () => (await written()).some(isLesson), 30_000);
    await summarizer.stop(5_000);
    await remember(...(await written()));
    const { client } = await agentIn(theirs, "later");
    const { lessons } = await recallOver(client, { what: "pollers of the sluice starve", limit: 1 });
    expect(lessons).toMatchObject([{ mission: "sluice", files: ["src/sluice.js"] }]);
    expect(lessons[0]?.text).toContain(
      "Problem: Pollers of sluice starve.\nDecided: Rounding loses the started interval.",
    );
    expect(lessons[0]?.eventId).toBe((await written()).find(isLesson)?.envelope.event_id);
  }, 120_000);
});

describe("the reader", () => {
  it("is asked by the collector for agents, and for nothing but recall", async () => {
    const client = server.clientOf(await podToken(collector.releaseNamespace, "enchanted-collector-2"));
    const own = { query: "recall", namespace: ours.namespace, parameters: { what: "pollers" } };
    expect(await failureOf(askOver(client, own))).toMatchObject({ code: grpcStatus.permissionDenied });
    const elsewhere = await freshNamespace(plane.admin);
    const false_ = server.clientOf(await podToken(elsewhere, "enchanted-collector"));
    expect(await failureOf(askOver(false_, own))).toMatchObject({ code: grpcStatus.permissionDenied });
    const account = { namespace: collector.releaseNamespace, name: "enchanted-collector" };
    const pod = await createPod(plane.admin, account.namespace, "enchanted-collector-1", account.name);
    const real = server.clientOf(await tokenFor(plane.admin, account, "enchanted-collector", pod));
    expect((await askOver(real, own)).rows).toHaveLength(2);
    expect(await failureOf(askOver(real, { ...own, query: "errors", parameters: {} }))).toMatchObject({
      code: grpcStatus.permissionDenied,
    });
    // A token of the same account that is no pod's is a person's.
    const lone = server.clientOf(await tokenFor(plane.admin, account, "enchanted-collector"));
    expect(await failureOf(askOver(lone, own))).toMatchObject({ code: grpcStatus.permissionDenied });
  });

  it("that is away leaves an agent with nothing recalled, and says so", async () => {
    const { client } = await agentIn(ours, "patient");
    await memory.server.stop();
    const without = await recallOver(client, { what: "pollers starve" });
    expect(without.lessons).toEqual([]);
    expect(without.trouble).toContain("memory");
    await server.reader.stop(100);
    const alone = await recallOver(client, { what: "pollers starve" });
    expect(alone.lessons).toEqual([]);
    expect(alone.trouble).not.toBe("");
  }, 60_000);
});
