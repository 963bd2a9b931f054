import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { headers } from "nats";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { connectBus } from "#nervous-system/comms/nats/connection.ts";
import type { DurableOptions } from "#nervous-system/comms/nats/deliveries.ts";
import { keepTails, type ChunkHead } from "#nervous-system/comms/nats/kept-tails.ts";
import { placeOfItem } from "#nervous-system/comms/nats/read-chunk.ts";
import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { chunkHeaders, chunkSubject, publisherReader, signalFilter } from "#nervous-system/schemas/subjects.ts";
import { trimmerClusterAccess } from "#pipeline/trimmer/holders.ts";
import { startTrimmer } from "#pipeline/trimmer/start.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { clientWithAccess, createMission, startSwarmPlane } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, readFrames, startTestNats } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";

const BOUND = 16 * 1024 * 1024;
/** A day of the test is a minute. */
const FASTER = 1440;
const HOUR_MS = 3_600_000 / FASTER;

const whole = createCleanup();
const cleanup = createCleanup();
let test: TestPlane;
let namespace: string;
let nats: NatsServer;
let bus: Bus;
beforeAll(async () => {
  test = await startSwarmPlane();
  whole.add(() => test.stop());
}, 600_000);
beforeEach(async () => {
  namespace = await freshNamespace(test.admin);
  nats = await startTestNats(cleanup);
  bus = await connectTestBus(nats, cleanup, BOUND);
}, 60_000);
afterEach(() => cleanup.run(), 60_000);
afterAll(() => whole.run(), 60_000);

const fastClock = (): Clock => {
  const clock = systemClock();
  return { ...clock, sleep: (ms, signal) => clock.sleep(ms / FASTER, signal) };
};

/** Starts a trimmer with exactly the rights that it has in a cluster; answers why it is not ready. */
const trimming = async (windowMs: number): Promise<() => Promise<string>> => {
  const user = `trimmer-${randomBytes(4).toString("hex")}`;
  const access = { cluster: trimmerClusterAccess, tenant: [], namespace };
  const { client, close } = await clientWithAccess(test, user, access);
  cleanup.add(close);
  const trimmer = await startTrimmer({
    settings: { ENCHANTED_REPLAY_WINDOW: windowMs },
    client,
    connectBus: () => connectTestBus(nats, createCleanup(), BOUND),
    clock: fastClock(),
    random: Math.random,
    log: silentLog,
    healthPort: 0,
  });
  cleanup.add(() => trimmer.stop());
  return async () => (await fetch(`http://127.0.0.1:${trimmer.healthPort}/readyz`)).text();
};

/** A durable reader that reads and acknowledges everything; answers the frames that it was given, as `agent/seq`. */
const reading = async (name: string, filter?: string): Promise<readonly string[]> => {
  const options: Omit<DurableOptions, "connection" | "clock" | "log"> = {
    name,
    maxAckPending: 1000,
    ackWaitMs: 60_000,
    prefetch: 100,
    ...(filter === undefined ? {} : { filter }),
  };
  const reader = await bus.openReader(options);
  const given: string[] = [];
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    for (;;) {
      const { item } = await reader.next(stopping.signal);
      if (item.kind === "frame") given.push(`${item.frame.envelope.agent_uid}/${item.frame.envelope.seq}`);
      void reader.ackThrough(placeOfItem(item)); // confirmed one by one it would be slower than what is published
    }
  };
  const running = run().catch(() => undefined);
  cleanup.add(async () => {
    stopping.abort(new Error("the test is over"));
    await running;
    reader.close();
  });
  return given;
};

const headOf = (frame: RecordedFrame, seq: number): ChunkHead => {
  const carried = headers();
  carried.set(chunkHeaders.lastSeq, String(frame.envelope.seq));
  carried.set(chunkHeaders.hash, frame.hash);
  return { seq, subject: chunkSubject(frame.envelope), headers: carried, bytes: 1, storedMs: 1 };
};

const filler = (): Record<string, unknown> => ({ payload: { text: randomBytes(3_000).toString("base64") } });
const nameOf = ({ envelope }: RecordedFrame): string => `${envelope.agent_uid}/${envelope.seq}`;
const firstSeq = async (): Promise<number> => (await bus.streamState()).firstSeq;

describe("a stream under load", () => {
  it("stays below its bound for a day, while every reader gets every frame and idle chains go on", async () => {
    const { created } = await bus.streamState();
    const idle = chainBuilder({ agent_uid: agentUid(99), mission_uid: agentUid(999) });
    await bus.publisher.publish(idle.take(5));
    await createMission(test.admin, { namespace, name: "done" }, {}, {
      ledger: { firstSeq: 1, stream: created },
      conditions: [{ type: "Complete", status: "True", reason: "Succeeded", message: "", lastTransitionTime: created }],
    } as never);
    await reading("archive");
    const [ledger, publisher] = [await reading("ledger"), await reading(publisherReader, signalFilter)];
    const unready = await trimming(HOUR_MS);
    const chains = Array.from({ length: 8 }, (_, n) => chainBuilder({ agent_uid: agentUid(n) }));
    const clock = systemClock();
    const end = clock.monotonicMs() + 24 * HOUR_MS;
    const sent: string[] = [];
    let [fullest, bytes] = [0, 0];
    while (clock.monotonicMs() < end || bytes < 10 * BOUND) {
      const thoughts = chains.flatMap((chain) => Array.from({ length: 9 }, () => chain.next(filler())));
      const frames = [...thoughts, ...chains.map((chain) => chain.next({ event_type: "MESSAGE" }))];
      const results = await bus.publisher.publish(frames);
      expect(results.every(({ kind }) => kind === "stored")).toBe(true);
      sent.push(...frames.map(nameOf));
      bytes += frames.reduce((sum, frame) => sum + frame.bytes.length, 0);
      fullest = Math.max(fullest, (await bus.streamState()).bytes);
    }
    expect(fullest).toBeLessThan(0.9 * BOUND);
    await eventually("the ledger has all", () => ledger.length === sent.length + 5);
    expect(new Set(ledger).size).toBe(ledger.length);
    await eventually("the publisher has its half", () => publisher.length === sent.length / 10);
    expect(await unready()).toBe("ok\n");

    // The idle chain's frames are gone, and its recorder still goes on where it was.
    expect(await firstSeq()).toBeGreaterThan(1);
    const after = idle.next();
    expect(await bus.tail(agentUid(99), 1)).toEqual({ seq: 5, hash: after.prevHash, streamSeq: 0 });
    expect(await bus.chainOwner(agentUid(99))).toEqual({ kind: "swarm" });
    expect(await bus.publisher.publish([after])).toEqual([{ kind: "stored" }]);
    expect(await bus.tail(agentUid(99), 1)).toMatchObject({ seq: 6, hash: after.hash });
  }, 240_000);

  it("keeps what a reader, or an unfinished mission from its first frame on, needs, and says so where it fills up", async () => {
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    const publish = () => bus.publisher.publish([chain.next(filler())]);
    for (let n = 0; n < 20; n += 1) await publish();
    const { stream, place } = await bus.newest();
    const ref = { namespace, name: "long" };
    const mission = await createMission(test.admin, ref, {}, { ledger: { firstSeq: place + 1, stream } });
    await reading(publisherReader, signalFilter);
    await reading("archive");
    const unready = await trimming(1);
    for (let n = 0; n < 20; n += 1) await publish();
    // Nothing has read for the ledger yet.
    await eventually("the trimmer has looked", async () => !(await unready()).includes("not filled yet"));
    expect(await firstSeq()).toBe(1);
    await reading("ledger");
    await eventually("what was before the mission is gone", async () => (await firstSeq()) === 20);
    const full = async (): Promise<boolean> => (await bus.streamState()).bytes > 0.7 * BOUND;
    while (!(await full())) await Promise.all(Array.from({ length: 20 }, publish));
    await eventually("it says who holds it", async () => /unfinished mission .*\/long needs it/.test(await unready()));
    expect(await firstSeq()).toBe(20);
    expect((await readFrames(bus, 1))[0]?.envelope.seq).toBe(20);
    await test.admin.delete(missions, { ...ref, uid: mission.metadata.uid });
    await eventually("it is relieved", async () => !(await full()));
    await eventually("it is well again", async () => (await unready()) === "ok\n");
  }, 120_000);

  it("sets no chain back, however late a slower trimmer comes", async () => {
    const connection = await connectBus({ servers: nats.url, name: "slow", log: silentLog, clock: systemClock() });
    cleanup.add(() => connection.close());
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    const heads = chain.take(6).map((frame, at) => headOf(frame, at + 1));
    await keepTails(connection, heads);
    await keepTails(connection, heads.slice(0, 3));
    expect(await bus.tail(agentUid(1), 1)).toMatchObject({ seq: 6, streamSeq: 0 });
  });

  it("keeps the chains of one namespace, however many another makes", async () => {
    const connection = await connectBus({ servers: nats.url, name: "flooded", log: silentLog, clock: systemClock() });
    cleanup.add(() => connection.close());
    const heads = ["quiet", ...Array.from({ length: 5 }, () => "loud")].map((namespace, at) => {
      const frame = chainBuilder({ agent_uid: agentUid(at), namespace }).next();
      return headOf(frame, at + 1);
    });
    for (const head of heads) await keepTails(connection, [head], 3);
    const seqs = await Promise.all(heads.map(async (_, at) => (await bus.tail(agentUid(at), 1)).seq));
    expect(seqs).toEqual([1, 0, 0, 1, 1, 1]);
  });

  it("tells a reader that stands before the trimmed part nothing but to go on behind it", async () => {
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    for (let n = 0; n < 6; n += 1) await bus.publisher.publish([chain.next()]);
    const [first] = await readFrames(bus, 1);
    const mark = { stream: await bus.streamCreated(), place: first!.place, hash: "whatever stood there" };
    await bus.trim.trim(await bus.streamState(), { before: 5, storedBeforeMs: Infinity, bytes: Infinity });
    const reader = await bus.openReader({
      name: "late",
      from: mark.place + 1,
      after: mark,
      maxAckPending: 10,
      ackWaitMs: 60_000,
      prefetch: 10,
    });
    const { item } = await reader.next(AbortSignal.timeout(5_000));
    expect(item.kind === "frame" && item.frame.envelope.seq).toBe(5);
    reader.close();
  });
});
