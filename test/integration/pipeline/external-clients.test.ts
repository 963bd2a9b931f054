import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { MOST_NAMED } from "#nervous-system/schemas/erased.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/frame-limits.ts";
import {
  eraseMethod,
  exportLogs,
  getBlobMethod,
  putBlobMethod,
  tailMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import {
  BlobChunkSchema,
  EraseRequestSchema,
  EraseResponseSchema,
  GetBlobRequestSchema,
  PutBlobResponseSchema,
  TailRequestSchema,
  TailResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";
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
const clientOf = async (account: string): Promise<GrpcClient> =>
  collector.clientOf(await tokenFor(plane.admin, { namespace, name: account }, "enchanted-collector"));

beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  nats = await startTestNats(cleanup);
  collector = await startTestCollector(plane, nats, cleanup);
  namespace = await freshNamespace(plane.admin);
  for (const account of ["ann", "bob", "eve", "reader", "both"]) await createAccount(plane.admin, namespace, account);
  for (const account of ["ann", "bob"]) await allowRecording(plane, namespace, account);
  await allowRecording(plane, namespace, "reader", ["get"]);
  await allowRecording(plane, namespace, "both", ["get", "create"]);
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

async function* onePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield Buffer.from(toBinary(BlobChunkSchema, create(BlobChunkSchema, { chunk: bytes })));
}
const putBlob = async (client: GrpcClient, text: string): Promise<string> => {
  const answer = await client.clientStream(putBlobMethod, onePiece(Buffer.from(text)), { deadlineMs: 10_000 });
  return fromBinary(PutBlobResponseSchema, answer).digest;
};
const getBlob = async (client: GrpcClient, digest: string): Promise<string> => {
  const request = Buffer.from(toBinary(GetBlobRequestSchema, create(GetBlobRequestSchema, { digest })));
  const parts: Uint8Array[] = [];
  for await (const chunk of client.serverStream(getBlobMethod, request, { deadlineMs: 10_000 }))
    parts.push(fromBinary(BlobChunkSchema, chunk).chunk);
  return Buffer.concat(parts).toString();
};

describe("a token", () => {
  it("that may only record reads no blob, its own included, and no tail of another's chain", async () => {
    const [ann, both, uid] = [await clientOf("ann"), await clientOf("both"), ids.next()];
    expect(await send(both, chainOf(uid).take(2))).toBeUndefined();
    for (const digest of [await putBlob(both, "what both saw"), await putBlob(ann, "what ann saw")])
      expect(await failureOf(getBlob(ann, digest))).toMatchObject({
        code: grpcStatus.permissionDenied,
        message: expect.stringMatching(/may not read the record .*"get" on "missions\/record"/),
      });
    expect((await failureOf(tailOf(ann, uid))).code).toBe(grpcStatus.permissionDenied);
    expect(await send(ann, chainOf().take(1))).toBeUndefined();
  });

  it("that may only read the record reads blobs, and writes neither frames nor blobs", async () => {
    const [reader, both] = [await clientOf("reader"), await clientOf("both")];
    const digest = await putBlob(both, "a window");
    expect([await getBlob(reader, digest), await getBlob(both, digest)]).toEqual(["a window", "a window"]);
    const writes: Array<() => Promise<unknown>> = [
      () => send(reader, chainOf().take(1)),
      () => putBlob(reader, "b"),
      () => tailOf(reader, ids.next()),
    ];
    for (const write of writes)
      expect(await failureOf(write())).toMatchObject({
        code: grpcStatus.permissionDenied,
        message: expect.stringMatching(/may not record .*"create" on "missions\/record"/),
      });
  });
});

describe("a laptop's scribe", () => {
  it("writes a chain of its own, which is bound to its user", async () => {
    const [ann, bob, uid] = [await clientOf("ann"), await clientOf("bob"), ids.next()];
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
    const ann = await clientOf("ann");
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
    const [ann, uid] = [await clientOf("ann"), ids.next()];
    const chain = chainOf(uid);
    const frames = [chain.next(), chain.next({ event_type: "PROPOSAL", payload: {} }), chain.next()];
    expect(await send(ann, frames)).toMatchObject({ rejected: 1, message: expect.stringContaining("PROPOSAL") });
    const kept = (await stored()).filter(({ envelope }) => envelope.agent_uid === uid);
    expect(kept.map(({ envelope }) => envelope.event_type)).toEqual(["THOUGHT", "GAP", "THOUGHT"]);
    expect(kept[1]?.principal).toBe(userOf("ann"));
    expect(await tailOf(ann, uid)).toBe(3); // the GAP does not lose the chain's owner
  });

  it("needs the right to record, and says which", async () => {
    const failure = await failureOf(send(await clientOf("eve"), chainOf().take(1)));
    expect(failure).toMatchObject({
      code: grpcStatus.permissionDenied,
      message: expect.stringMatching(/missions\/record/),
    });
    expect((await failureOf((await clientOf("eve")).unary(exportLogs, Buffer.of(), { deadlineMs: 5_000 }))).code).toBe(
      grpcStatus.permissionDenied,
    );
  });

  it("leaves what is no frame in the dead letters", async () => {
    const before = (await deadLettersOf(nats)).length;
    const chain = chainOf();
    await send(await clientOf("bob"), [chain.next({ event_type: "PLAN", payload: { tasks: [] } })]);
    const letters = (await deadLettersOf(nats)).slice(before);
    expect(letters).toEqual([expect.objectContaining({ reason: expect.stringContaining("PLAN") })]);
  });
});

describe("an order to erase", () => {
  const orderFor = (over: Partial<{ seq: bigint; places: bigint[]; blobs: string[] }> = {}, reason = "asked for") => {
    const frame = { eventId: "e-1", agentUid: ids.next(), epoch: 1, seq: 7n, places: [4_097n], ...over };
    const request = create(EraseRequestSchema, { order: ids.next(), frames: [frame], reason });
    return Buffer.from(toBinary(EraseRequestSchema, request));
  };
  const erase = async (client: GrpcClient, request: Buffer): Promise<readonly string[]> =>
    fromBinary(EraseResponseSchema, await client.unary(eraseMethod, request, { deadlineMs: 10_000 })).eventIds;

  it("is recorded under the name of its user, who needs the right to delete the record", async () => {
    await createAccount(plane.admin, namespace, "privacy");
    await allowRecording(plane, namespace, "privacy", ["get", "delete"]);
    const [id] = await erase(await clientOf("privacy"), orderFor());
    const frame = (await stored()).find(({ envelope }) => envelope.event_id === id)!;
    expect(frame.envelope).toMatchObject({ event_type: "ERASURE", producer: "collector", namespace, seq: 0 });
    expect(frame.principal).toBe(userOf("privacy"));
    expect(JSON.parse(Buffer.from(frame.bytes).toString())).toMatchObject({
      payload: { event: "e-1", seq: 7, places: [4_097], by: userOf("privacy"), reason: "asked for" },
    });
  });

  it("is a frame as any other where it names as much as it may", async () => {
    const blobs = Array.from({ length: MOST_NAMED.blobs }, (_, n) => `sha256:${String(n).padStart(64, "0")}`);
    const places = Array.from({ length: MOST_NAMED.places }, (_, n) => BigInt(Number.MAX_SAFE_INTEGER - n));
    const [id] = await erase(await clientOf("privacy"), orderFor({ blobs, places }, "\u{1f680}".repeat(512)));
    const frame = (await stored()).find(({ envelope }) => envelope.event_id === id)!;
    expect(frame.bytes.length).toBeLessThan(maxFrameBytes);
    expect(JSON.parse(Buffer.from(frame.bytes).toString())).toMatchObject({ payload: { blobs } });
  });

  it("is refused to whoever may record and read only, and to a pod", async () => {
    const refused = await failureOf(erase(await clientOf("both"), orderFor()));
    expect(refused).toMatchObject({ code: grpcStatus.permissionDenied });
    expect(refused.message).toContain('grant it "delete" on "missions/record"');
    const agent = await startTestAgent(plane, collector, await missionIn(plane), "coder");
    expect(await failureOf(erase(agent.client, orderFor()))).toMatchObject({ code: grpcStatus.permissionDenied });
  });

  it.each([
    ["no place", { places: [] }],
    ["too many blobs", { blobs: Array.from({ length: MOST_NAMED.blobs + 1 }, () => `sha256:${"a".repeat(64)}`) }],
    ["no digest", { blobs: ["../other/blob"] }],
    ["a place beyond all", { places: [2n ** 63n] }],
  ])("is refused with %s", async (_, over) => {
    const failure = await failureOf(erase(await clientOf("privacy"), orderFor(over)));
    expect(failure).toMatchObject({ code: grpcStatus.invalidArgument });
  });

  it("cannot be told by telemetry, nor in a chain", async () => {
    const chain = chainOf();
    const told = chain.next({ event_type: "ERASURE", payload: { event: "e-1", agent_uid: "a", epoch: 1, seq: 1 } });
    const client = await clientOf("ann");
    await send(client, [told]);
    const types = (await stored()).filter(({ envelope }) => envelope.agent_uid === told.envelope.agent_uid);
    expect(types.map(({ envelope }) => envelope.event_type)).toEqual(["GAP"]);
  });
});
