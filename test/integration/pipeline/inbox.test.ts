import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { inboxMethod, tailMethod } from "#nervous-system/comms/grpc/methods.ts";
import {
  InboxItemSchema,
  InboxRequestSchema,
  TailRequestSchema,
  TailResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { startSwarmPlane } from "#test/integration/gateway/swarm-plane.ts";
import type { TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, readFrames, startTestNats } from "./bus-harness.ts";
import {
  missionIn,
  send,
  startTestAgent,
  startTestCollector,
  type TestAgent,
  type TestCollector,
} from "./collector-harness.ts";

const cleanup = createCleanup();
let plane: TestPlane;
let nats: NatsServer;
let collector: TestCollector;
let coder: TestAgent;
let reviewer: TestAgent;
let outsider: TestAgent;

beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  nats = await startTestNats(cleanup);
  collector = await startTestCollector(plane, nats, cleanup);
  const [team, others] = [await missionIn(plane), await missionIn(plane)];
  coder = await startTestAgent(plane, collector, team, "coder");
  reviewer = await startTestAgent(plane, collector, team, "reviewer");
  outsider = await startTestAgent(plane, collector, others, "coder");
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

const say = (who: TestAgent, to: string, text: string) =>
  send(who.client, [who.chain.next({ event_type: "MESSAGE", payload: { from: who.agent.metadata.name, to, text } })]);

type Item = { text: string; place: number; stream: string; hash: string };

/** The first `count` items of an inbox behind a place. */
const read = async (who: TestAgent, count: number, last?: Partial<Item>): Promise<Item[]> => {
  const { place = 0, stream = "", hash = "" } = last ?? {};
  const asked = create(InboxRequestSchema, { after: BigInt(place), stream, hash });
  const request = Buffer.from(toBinary(InboxRequestSchema, asked));
  const items: Item[] = [];
  for await (const bytes of who.client.serverStream(inboxMethod, request, { deadlineMs: 20_000 })) {
    const { frame, place: at, ...mark } = fromBinary(InboxItemSchema, bytes);
    const { payload } = JSON.parse(Buffer.from(frame).toString()) as { payload: { text: string } };
    items.push({ text: payload.text, place: Number(at), stream: mark.stream, hash: mark.hash });
    if (items.length === count) break;
  }
  return items;
};

describe("an inbox", () => {
  it("has what others of the mission say to its agent or to all, in order, from any place on, as it comes", async () => {
    await say(coder, "reviewer", "one");
    await say(outsider, "reviewer", "of another mission");
    await say(coder, "somebody", "not yours");
    await say(reviewer, "reviewer", "your own words");
    await say(coder, "*", "two");
    const items = await read(reviewer, 2);
    expect(items.map(({ text }) => text)).toEqual(["one", "two"]);
    const waiting = read(reviewer, 1, items[1]);
    await say(coder, "all", "three");
    expect((await waiting).map(({ text }) => text)).toEqual(["three"]);
  });

  it("says everything again where the stream lost what stood at the place that its reader knows", async () => {
    const [first] = await read(reviewer, 1);
    const stands = await read(reviewer, 2, first);
    expect(stands.map(({ text }) => text)).toEqual(["two", "three"]);
    const lost = await read(reviewer, 3, { ...stands[1], hash: "0".repeat(64) });
    expect(lost.map(({ text }) => text)).toEqual(["one", "two", "three"]);
    expect(await read(reviewer, 3, { ...stands[1], stream: "2020-01-01T00:00:00Z" })).toEqual(lost);
  });

  it("gives its place in NATS back when its reader goes", async () => {
    for (let round = 0; round < 6; round += 1) await read(reviewer, 1); // more than may be open at a time
  });
});

describe("the settled mark", () => {
  it("is where every store is", async () => {
    const settledOf = async (): Promise<number> => {
      const { uid } = coder.agent.metadata;
      const request = toBinary(TailRequestSchema, create(TailRequestSchema, { agentUid: uid, epoch: 1 }));
      const answer = await coder.client.unary(tailMethod, Buffer.from(request), { deadlineMs: 10_000 });
      return Number(fromBinary(TailResponseSchema, answer).settled);
    };
    expect(await settledOf()).toBe(0);
    const limits = { maxAckPending: 100, ackWaitMs: 60_000, prefetch: 100 };
    const ledger = await collector.bus.openReader({ name: "ledger", ...limits });
    const archive = await collector.bus.openReader({ name: "archive", ...limits });
    const places = (await readFrames(collector.bus)).map(({ place }) => place);
    for (const _ of places) for (const reader of [ledger, archive]) await reader.next(AbortSignal.timeout(10_000));
    await ledger.ackThrough(places.at(-2)!);
    expect(await settledOf()).toBe(0);
    await archive.ackThrough(places[0]!);
    expect(await settledOf()).toBe(1);
    await archive.ackThrough(places.at(-1)!);
    const before = await settledOf();
    await ledger.ackThrough(places.at(-1)!);
    const { seq } = await collector.bus.tail(coder.agent.metadata.uid, 1);
    expect([before, await settledOf()]).toEqual([seq - 1, seq]);
    ledger.close();
    archive.close();
  });

  it("is told to nobody else", async () => {
    const { uid } = coder.agent.metadata;
    const request = Buffer.from(toBinary(TailRequestSchema, create(TailRequestSchema, { agentUid: uid, epoch: 1 })));
    const asked = outsider.client.unary(tailMethod, request, { deadlineMs: 10_000 });
    await expect(asked).rejects.toMatchObject({ code: grpcStatus.permissionDenied });
  });
});
