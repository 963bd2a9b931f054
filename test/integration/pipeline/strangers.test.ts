import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { exportLogs, tailMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { TailRequestSchema, TailResponseSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { noMission, randomIds, stableId } from "#nervous-system/schemas/ids.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, deadLettersOf, readFrames, startTestNats } from "./bus-harness.ts";
import { chainBuilder } from "./chain-builder.ts";
import { missionIn, send, startTestAgent, startTestCollector, type TestCollector } from "./collector-harness.ts";
import { allowRecording } from "./recording-right.ts";

const cleanup = createCleanup();
const ids = randomIds();
let plane: TestPlane;
let nats: NatsServer;
let collector: TestCollector;
let namespace: string;

const userOf = (account: string): string => `system:serviceaccount:${namespace}:${account}`;

/** A client of a ServiceAccount, outside of any pod. */
const strangerOf = async (account: string): Promise<GrpcClient> =>
  collector.clientOf(await tokenFor(plane.admin, { namespace, name: account }, "enchanted-collector"));

beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  nats = await startTestNats(cleanup);
  collector = await startTestCollector(plane, nats, cleanup);
  namespace = await freshNamespace(plane.admin);
  for (const account of ["ann", "bob", "eve"]) await createAccount(plane.admin, namespace, account);
  for (const account of ["ann", "bob"]) await allowRecording(plane, namespace, account);
}, 600_000);
afterAll(() => cleanup.run());

const failureOf = async (call: Promise<unknown>): Promise<GrpcFailure> =>
  call.then(
    (value) => Promise.reject(new Error(`the call succeeded with ${JSON.stringify(value)}`)),
    (error: unknown) => error as GrpcFailure,
  );

const chainOf = (agentUid = ids.next()) =>
  chainBuilder({ agent_uid: agentUid, mission_uid: noMission, mission: "_", namespace });

const stored = async (): Promise<StoredFrame[]> => readFrames(collector.bus);
const tailOf = async (client: GrpcClient, agentUid: string): Promise<number> => {
  const request = Buffer.from(toBinary(TailRequestSchema, create(TailRequestSchema, { agentUid, epoch: 1 })));
  return Number(fromBinary(TailResponseSchema, await client.unary(tailMethod, request, { deadlineMs: 10_000 })).seq);
};

describe("a laptop's scribe", () => {
  it("writes a chain of its own, which is bound to its user", async () => {
    const [ann, bob, uid] = [await strangerOf("ann"), await strangerOf("bob"), ids.next()];
    const chain = chainOf(uid);
    expect(await tailOf(ann, uid)).toBe(0);
    expect(await send(ann, chain.take(3))).toBeUndefined();
    expect(await tailOf(ann, uid)).toBe(3);
    const frames = (await stored()).filter(({ envelope }) => envelope.agent_uid === uid);
    expect(frames.map(({ principal, envelope }) => [principal, envelope.seq])).toEqual(
      [1, 2, 3].map((seq) => [userOf("ann"), seq]),
    );
    const others = [
      send(bob, chain.take(1)),
      send(bob, chainBuilder({ agent_uid: uid, epoch: 2, mission_uid: noMission, mission: "_", namespace }).take(1)),
      tailOf(bob, uid),
    ];
    for (const call of others) expect((await failureOf(call)).code).toBe(grpcStatus.permissionDenied);
    expect(await tailOf(ann, uid)).toBe(3);
  });

  it("cannot speak for an agent or a component, in a mission, or of another namespace", async () => {
    const ann = await strangerOf("ann");
    const team = await missionIn(plane);
    const agent = await startTestAgent(plane, collector, team, "coder");
    const of = { mission_uid: noMission, mission: "_", namespace };
    const uids = [agent.agent.metadata.uid, stableId("gateway", "enchanted-gateway-0", collector.releaseNamespace)];
    for (const agent_uid of uids) {
      const failure = await failureOf(send(ann, chainBuilder({ ...of, agent_uid, epoch: 7 }).take(1)));
      expect(failure).toMatchObject({ code: grpcStatus.permissionDenied, message: expect.stringContaining("swarm") });
    }
    const forged: ReadonlyArray<readonly [string, object]> = [
      ["mission", { mission: "fix" }],
      ["mission_uid", { mission_uid: team.mission.metadata.uid }],
      ["namespace", { namespace: team.namespace }],
      ["recorder", { recorder: "gateway" }],
    ];
    for (const [name, stamps] of forged) {
      const failure = await failureOf(send(ann, chainBuilder({ ...of, agent_uid: ids.next(), ...stamps }).take(1)));
      expect(failure.code).toBe(grpcStatus.permissionDenied);
      expect(failure.message).toContain(`the envelope says ${name}`);
    }
  });

  it("may not write what moves a swarm: a GAP takes the place", async () => {
    const [ann, uid] = [await strangerOf("ann"), ids.next()];
    const chain = chainOf(uid);
    const frames = [chain.next(), chain.next({ event_type: "PROPOSAL", payload: {} }), chain.next()];
    expect(await send(ann, frames)).toMatchObject({ rejected: 1, message: expect.stringContaining("PROPOSAL") });
    const kept = (await stored()).filter(({ envelope }) => envelope.agent_uid === uid);
    expect(kept.map(({ envelope }) => envelope.event_type)).toEqual(["THOUGHT", "GAP", "THOUGHT"]);
    expect(kept[1]?.principal).toBe(userOf("ann"));
    expect(await tailOf(ann, uid)).toBe(3); // the GAP does not lose the chain's owner
  });

  it("needs the right to record, and says which", async () => {
    const failure = await failureOf(send(await strangerOf("eve"), chainOf().take(1)));
    expect(failure).toMatchObject({
      code: grpcStatus.permissionDenied,
      message: expect.stringMatching(/missions\/record/),
    });
    expect(
      (await failureOf((await strangerOf("eve")).unary(exportLogs, Buffer.of(), { deadlineMs: 5_000 }))).code,
    ).toBe(grpcStatus.permissionDenied);
  });

  it("leaves what is no frame in the dead letters", async () => {
    const before = (await deadLettersOf(nats)).length;
    const chain = chainOf();
    await send(await strangerOf("bob"), [chain.next({ event_type: "PLAN", payload: { tasks: [] } })]);
    const letters = (await deadLettersOf(nats)).slice(before);
    expect(letters).toEqual([expect.objectContaining({ reason: expect.stringContaining("PLAN") })]);
  });
});
