import { randomBytes, randomUUID } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { eraseMethod } from "#nervous-system/comms/grpc/methods.ts";
import { EraseRequestSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, startTestNats } from "./bus-harness.ts";
import {
  missionIn,
  send,
  startTestAgent,
  startTestCollector,
  type TestAgent,
  type TestCollector,
} from "./collector-harness.ts";
import { allowRecording } from "./recording-right.ts";

const MIB = 2 ** 20;
const LIMIT = 32 * MIB;

const cleanup = createCleanup();
let plane: TestPlane;
let collector: TestCollector;
let greedy: TestAgent;
let modest: TestAgent;

beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  collector = await startTestCollector(plane, await startTestNats(cleanup), cleanup, { streamBytes: LIMIT });
  greedy = await startTestAgent(plane, collector, await missionIn(plane), "greedy");
  modest = await startTestAgent(plane, collector, await missionIn(plane), "modest");
}, 600_000);
afterAll(() => cleanup.run());

/** Lets a refusal pass that is about how full the stream is. */
const onlyNamed = (error: GrpcFailure): void => {
  if (!error.message.startsWith("the stream is")) throw error;
};

/** A frame of 128 KiB, of which packing leaves half. */
const thought = ({ chain }: TestAgent) => chain.next({ payload: { text: randomBytes(64 * 1024).toString("hex") } });

describe("a stream that nothing of may go", () => {
  it("is never filled by one agent, however long it floods, and takes what another says", async () => {
    let refusal: GrpcFailure | undefined;
    await send(greedy.client, greedy.chain.take(1));
    await eventually("the collector knows the stream", async () => (await collector.bus.streamState()).bytes > 0);
    for (let i = 0; i < (2 * LIMIT) / (128 * 1024) && refusal === undefined; i += 1)
      await send(greedy.client, [thought(greedy)]).catch((error: GrpcFailure) => (refusal = error));
    expect(refusal).toMatchObject({
      code: grpcStatus.unavailable,
      message: expect.stringMatching(/^the stream is 7\d % full, and agent .* has had its share$/),
    });
    expect(refusal?.retryAfterMs).toBeGreaterThanOrEqual(5_000);
    const { bytes } = await collector.bus.streamState();
    expect(bytes).toBeLessThan(0.8 * LIMIT);
    for (let i = 0; i < 3; i += 1) expect(await send(modest.client, [thought(modest)])).toBeUndefined();
  }, 120_000);

  it("is not filled by orders to erase what nobody recorded, and takes what another says", async () => {
    const { namespace } = await missionIn(plane);
    await allowRecording(plane, namespace, "default", ["get", "delete"]);
    const client = collector.clientOf(await tokenFor(plane.admin, { namespace }, "enchanted-collector"));
    const text = (bytes: number): string => randomBytes(bytes / 2).toString("hex");
    const order = (count: number, named: object) => {
      const one = { agentUid: randomUUID(), epoch: 1, seq: 1n, places: [1n], ...named };
      const frames = Array.from({ length: count }, (_, n) => ({ ...one, eventId: `never-was-${n}` }));
      const request = create(EraseRequestSchema, { order: randomUUID(), reason: text(1_024), frames });
      return client.unary(eraseMethod, Buffer.from(toBinary(EraseRequestSchema, request)), { deadlineMs: 20_000 });
    };
    const refusalOf = async (tries: number, ask: () => Promise<unknown>): Promise<GrpcFailure | undefined> => {
      let refusal: GrpcFailure | undefined;
      for (let i = 0; i < tries && refusal === undefined; i += 1)
        await ask().catch((error: GrpcFailure) => (refusal = error));
      return refusal;
    };
    // What no blob is named in is cheap for the stores, and its words fill the stream.
    const wordy = () => order(100, { principal: text(1_024) });
    expect(await refusalOf(400, wordy)).toMatchObject({
      code: grpcStatus.unavailable,
      message: expect.stringMatching(/^the stream is [78]\d % full, and /),
    });
    expect((await collector.bus.streamState()).bytes).toBeLessThan(0.85 * LIMIT);
    const blobs = Array.from({ length: 2_000 }, () => `sha256:${text(64)}`);
    await expect(order(11, { blobs })).rejects.toMatchObject({
      code: grpcStatus.invalidArgument,
      message: expect.stringContaining("at most 20000 blobs"),
    });
    // What an order names counts, whether it is there, or is taken, or not.
    expect((await refusalOf(3, () => order(10, { blobs }).catch(onlyNamed)))?.message).toContain(
      "has ordered to erase more than it may lately",
    );
    for (let i = 0; i < 3; i += 1) expect(await send(modest.client, [thought(modest)])).toBeUndefined();
  }, 120_000);
});
