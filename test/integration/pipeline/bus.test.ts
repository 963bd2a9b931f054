import { connect as dial, createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { placeOfItem } from "#nervous-system/comms/nats/read-chunk.ts";
import { contextStream, signalFilter, spansStream } from "#nervous-system/schemas/subjects.ts";
import { verifyChain } from "#test/builders/chain.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, deadLettersOf, readFrames, startTestNats } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";

const cleanup = createCleanup();
let nats: NatsServer;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats(cleanup);
  bus = await connectTestBus(nats, cleanup);
}, 600_000);
afterAll(() => cleanup.run());

const kinds = (results: ReadonlyArray<{ kind: string }>): string[] => results.map((r) => r.kind);

describe("connecting", () => {
  // Less than the 20 s that the client waits by itself for a server's first line.
  it("dials again where a server dies before its first word", async () => {
    let calls = 0;
    const front = createServer((socket) => {
      calls += 1;
      socket.on("error", () => undefined);
      if (calls === 1) return; // accepted, and nobody speaks
      const behind = dial(Number(new URL(nats.url).port), "127.0.0.1").on("error", () => undefined);
      socket.pipe(behind).pipe(socket);
    });
    await once(front.listen(0, "127.0.0.1"), "listening");
    const { port } = front.address() as AddressInfo;
    const through = await connectTestBus({ ...nats, url: `nats://127.0.0.1:${port}` }, cleanup);
    expect({ connected: through.connected(), calls }).toEqual({ connected: true, calls: 2 });
    await through.close();
    front.close();
  }, 15_000);
});

describe("publishing", () => {
  it("stores the frames of a chain in order and moves its tail", async () => {
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    expect(await bus.tail(agentUid(1), 1)).toMatchObject({ seq: 0, hash: "0".repeat(64) });
    const frames = chain.take(3);
    expect(kinds(await bus.publisher.publish(frames))).toEqual(["stored", "stored", "stored"]);
    expect(await bus.tail(agentUid(1), 1)).toMatchObject({ seq: 3, hash: frames[2]?.hash });
  });

  it("answers duplicate for what the stream holds, in whatever mixture", async () => {
    const frames = chainBuilder({ agent_uid: agentUid(2) }).take(5);
    await bus.publisher.publish(frames.slice(0, 3));
    const again = await bus.publisher.publish(frames);
    expect(kinds(again)).toEqual(["duplicate", "duplicate", "duplicate", "stored", "stored"]);
    expect(await bus.tail(agentUid(2), 1)).toMatchObject({ seq: 5 });
  });

  it("does not store a frame whose predecessors are missing, and says where to begin", async () => {
    const frames = chainBuilder({ agent_uid: agentUid(3) }).take(5);
    await bus.publisher.publish(frames.slice(0, 2));
    const results = await bus.publisher.publish(frames.slice(3));
    expect(results).toEqual([
      { kind: "missing", expected: 3 },
      { kind: "missing", expected: 3 },
    ]);
  });

  it("names a chain that was rewritten", async () => {
    const frames = chainBuilder({ agent_uid: agentUid(4) }).take(2);
    const rewritten = chainBuilder({ agent_uid: agentUid(4), persona: "other" }).take(3);
    await bus.publisher.publish(frames);
    expect(kinds(await bus.publisher.publish(rewritten.slice(1)))).toEqual(["fork", "fork"]);
  });

  it("keeps epochs apart", async () => {
    await bus.publisher.publish(chainBuilder({ agent_uid: agentUid(5), epoch: 1 }).take(2));
    const second = chainBuilder({ agent_uid: agentUid(5), epoch: 2 }).take(1);
    expect(kinds(await bus.publisher.publish(second))).toEqual(["stored"]);
    expect(await bus.tail(agentUid(5), 1)).toMatchObject({ seq: 2 });
    expect(await bus.tail(agentUid(5), 2)).toMatchObject({ seq: 1 });
  });

  it("stores frames next to each other as one message, which any OpenTelemetry decoder reads", async () => {
    const own = await connectTestBus(await startTestNats(cleanup), cleanup);
    const chain = chainBuilder({ agent_uid: agentUid(6) });
    const frames = [...chain.take(3), chain.next({ event_type: "PLAN" }), ...chain.take(2)];
    await own.publisher.publish(frames);
    const stored = await readFrames(own);
    expect(stored.map(({ hash }) => hash)).toEqual(frames.map(({ hash }) => hash));
    // Three messages, since a chunk is of one lane; the order of the chain holds across lanes.
    expect(stored.map(({ place }) => place)).toEqual([512, 513, 514, 1024, 1536, 1537]);
    expect(await own.newest()).toMatchObject({
      place: 1537,
      hash: expect.stringMatching(new RegExp(`^${frames.at(-1)?.hash.slice(0, 32)}-\\d+$`)),
    });
  });

  it("makes no subject for an event type, however many an agent invents, and no work for who waits for few types", async () => {
    const server = await startTestNats(cleanup);
    const own = await connectTestBus(server, cleanup);
    const waiting = await own.openReader({ ...readerOptions, filter: signalFilter });
    const chain = chainBuilder({ agent_uid: agentUid(9) });
    for (let n = 0; n < 100_000; n += 500) {
      const types = Array.from({ length: 500 }, (_, at) => chain.next({ event_type: `TYPE_${n + at}` }));
      await own.publisher.publish(types);
    }
    await own.publisher.publish(chainBuilder({ agent_uid: agentUid(10) }).take(1));
    await own.publisher.publish([chain.next({ event_type: "MESSAGE" })]);
    const { item } = await waiting.next(AbortSignal.timeout(20_000));
    expect(item).toMatchObject({ kind: "frame", frame: { envelope: { event_type: "MESSAGE", seq: 100_001 } } });
    waiting.close();
    const connection = await connect({ servers: server.url });
    cleanup.add(() => connection.close());
    const { state } = await (await jetstreamManager(connection)).streams.info(contextStream);
    // The two lanes of one agent, one lane of the other; a few hundred messages for all of it.
    expect([state.num_subjects, state.messages < 250]).toEqual([3, true]);
  }, 120_000);

  it("stores an external client's event once in each namespace that it is told in", async () => {
    const told = (namespace: string) => {
      const frame = chainBuilder({ agent_uid: agentUid(60), namespace, epoch: 0, recorder: "collector" }).next();
      return { ...frame, envelope: { ...frame.envelope, seq: 0 } };
    };
    const from = (await bus.streamState()).lastSeq;
    for (const namespace of ["team-a", "team-b", "team-a"]) await bus.unchained.publish([told(namespace)]);
    expect((await bus.streamState()).lastSeq - from).toBe(2);
  });

  it("stores a chain once when two publishers race on it", async () => {
    const other = await connectTestBus(nats, cleanup);
    const frames = chainBuilder({ agent_uid: agentUid(8) }).take(400);
    const race = async (publisher: Bus["publisher"]): Promise<string[]> => {
      const seen: string[] = [];
      for (let from = 0; from < frames.length; from += 20)
        seen.push(...kinds(await publisher.publish(frames.slice(from, from + 20))));
      return seen;
    };
    const [one, two] = await Promise.all([race(bus.publisher), race(other.publisher)]);
    const stored = [...one, ...two].filter((kind) => kind === "stored");
    expect([...one, ...two].filter((kind) => kind !== "stored" && kind !== "duplicate")).toEqual([]);
    expect(stored).toHaveLength(frames.length);
    expect(await bus.tail(agentUid(8), 1)).toMatchObject({ seq: 400, hash: frames[399]?.hash });
  });
});

describe("a server killed again and again under load", () => {
  it("loses nothing acknowledged, stores nothing twice, keeps every chain", async () => {
    const victim = await startTestNats(cleanup);
    const buses = [await connectTestBus(victim, cleanup), await connectTestBus(victim, cleanup)];
    let running = true;
    const acknowledged = new Map<number, number>();

    // Each recorder sends 20 frames at a time, twice now and then, and goes on only from what was acknowledged.
    const record = async (agent: number): Promise<void> => {
      const chain = chainBuilder({ agent_uid: agentUid(100 + agent) });
      let sent = 0;
      while (running) {
        const frames = chain.take(20);
        for (let done = false; !done;) {
          const publisher = buses[(agent + sent) % 2]?.publisher;
          sent += 1;
          const results = await publisher?.publish(frames).catch(() => undefined);
          done = results?.every(({ kind }) => kind === "stored" || kind === "duplicate") === true;
        }
        acknowledged.set(agent, frames.at(-1)?.envelope.seq ?? 0);
      }
    };
    const recorders = [1, 2, 3, 4, 5].map(record);
    for (let kills = 0; kills < 8; kills += 1) {
      const before = acknowledged.get(1) ?? 0;
      while ((acknowledged.get(1) ?? 0) < before + 60) await new Promise((go) => setImmediate(go));
      victim.kill("SIGKILL");
      await victim.restart();
    }
    running = false;
    await Promise.all(recorders);

    for (const agent of [1, 2, 3, 4, 5]) {
      const tail = await buses[0]!.tail(agentUid(100 + agent), 1);
      expect(tail.seq).toBe(acknowledged.get(agent));
    }
    const total = [...acknowledged.values()].reduce((sum, seq) => sum + seq, 0);
    const frames = await readFrames(buses[0]!, total);
    const byAgent = Map.groupBy(frames, (frame) => frame.envelope.agent_uid);
    for (const agent of [1, 2, 3, 4, 5]) {
      const chain = byAgent.get(agentUid(100 + agent)) ?? [];
      expect(chain.map((frame) => frame.envelope.seq)).toEqual(
        Array.from({ length: acknowledged.get(agent) ?? 0 }, (_, index) => index + 1),
      );
      const links = chain.map((frame) => ({
        ...frame,
        agentUid: frame.envelope.agent_uid,
        epoch: frame.envelope.epoch,
        seq: frame.envelope.seq,
        observedNs: BigInt(frame.envelope.observed),
      }));
      expect(verifyChain(links, "0".repeat(64))).toBeUndefined();
    }
  }, 120_000);
});

describe("the settled mark", () => {
  it("is told of a chain about more missions than the server lists at once, while a sink is behind", async () => {
    const own = await connectTestBus(await startTestNats(cleanup), cleanup);
    const chain = chainBuilder({ agent_uid: agentUid(60), recorder: "gateway", producer: "gateway" });
    const frames = chain.take(1_100).map((frame, n) => ({
      ...frame,
      envelope: { ...frame.envelope, mission_uid: agentUid(2_000 + n) },
    }));
    await own.publisher.publish(frames);
    const reader = await own.openReader({ ...readerOptions, maxAckPending: 2_000 });
    let place = 0;
    for (let n = 0; n < 1_090; n += 1) place = placeOfItem((await reader.next(AbortSignal.timeout(20_000))).item);
    await reader.ackThrough(place);
    const tail = await own.tail(agentUid(60), 1);
    expect(await own.settled({ agentUid: agentUid(60), epoch: 1, tail, sinks: ["ledger"] })).toBe(1_090);
    reader.close();
  }, 60_000);
});

describe("dead letters", () => {
  const letter = {
    refusedBy: "collector",
    namespace: "team-a",
    agentUid: agentUid(1),
    reason: "not\r\nJSON é",
    bytes: Buffer.from("{"),
    id: "a/1/7",
  };

  it("are kept with their reason, a letter sent twice once", async () => {
    await bus.deadLetters.put(letter);
    await bus.deadLetters.put(letter);
    expect(await deadLettersOf(nats)).toEqual([
      {
        subject: expect.stringMatching(/^dead\.collector\.team-a\.[0-7]$/),
        agentUid: agentUid(1),
        reason: "not JSON",
        text: "{",
      },
    ]);
  });

  it("of one namespace, or of one of its agents, push out their own only", async () => {
    const own = await startTestNats(cleanup);
    const { deadLetters } = await connectTestBus(own, cleanup);
    const put = (namespace: string, agent: string, n: number): Promise<void> =>
      deadLetters.put({ ...letter, namespace, agentUid: agent, id: `${namespace}/${agent}/${n}` });
    await put("team-b", agentUid(1), 0);
    for (let n = 0; n < 8; n += 1) await put("team-a", agentUid(100 + n), 0);
    await Promise.all(Array.from({ length: 300 }, (_, n) => put("team-a", agentUid(1), n)));
    const flooded = await deadLettersOf(own);
    const namespaceOf = ({ subject }: { subject: string }): string => subject.split(".")[2] ?? "";
    const agentsOf = new Set(flooded.map((one) => `${namespaceOf(one)}/${one.agentUid}`));
    expect(flooded.length).toBeLessThan(32);
    expect(agentsOf.has(`team-b/${agentUid(1)}`)).toBe(true);
    expect(agentsOf.size).toBeGreaterThan(5);
    await Promise.all(Array.from({ length: 1_200 }, (_, n) => put("team-a", agentUid(1_000 + n), 0)));
    const count = (await deadLettersOf(own)).filter((one) => namespaceOf(one) === "team-a").length;
    expect(count).toBeLessThanOrEqual(8 * 16);
  }, 30_000);

  it("are cut where they are larger than the server takes, and say so", async () => {
    const own = await startTestNats(cleanup);
    const ownBus = await connectTestBus(own, cleanup);
    await ownBus.deadLetters.put({ ...letter, bytes: Buffer.alloc(1_200_000, 97) });
    const [found] = await deadLettersOf(own);
    expect([found?.text.length, found?.reason]).toEqual([768 * 1024, "not JSON (the first 786432 of 1200000 bytes)"]);
  });

  it("are not taken while the server is away, and the sender hears so; once it is back they are", async () => {
    const victim = await startTestNats(cleanup);
    const own = await connectTestBus(victim, cleanup);
    victim.kill("SIGKILL");
    await expect(own.deadLetters.put(letter)).rejects.toMatchObject({ name: "BusUnavailableError" });
    await victim.restart();
    const isTaken = (): Promise<boolean> =>
      own.deadLetters.put(letter).then(
        () => true,
        () => false,
      );
    while (!(await isTaken())) await new Promise((go) => setImmediate(go));
    expect(await deadLettersOf(victim)).toHaveLength(1);
  });
});

const readerOptions = { name: "ledger", maxAckPending: 200, ackWaitMs: 60_000, prefetch: 100 };

describe("a durable reader", () => {
  it("gives every message once, in order, and again from the last acknowledgement after a crash", async () => {
    const own = await connectTestBus(await startTestNats(cleanup), cleanup);
    const frames = chainBuilder({ agent_uid: agentUid(50) }).take(300);
    for (let from = 0; from < 300; from += 10) await own.publisher.publish(frames.slice(from, from + 10));
    const { signal } = new AbortController();
    const options = { name: "ledger", maxAckPending: 200, ackWaitMs: 60_000, prefetch: 100 };
    let place = 0;
    const take = async (count: number, reader: { next: typeof first.next }): Promise<number[]> => {
      const seqs: number[] = [];
      for (let i = 0; i < count; i += 1) {
        const { item } = await reader.next(signal);
        place = placeOfItem(item);
        seqs.push(item.kind === "frame" ? item.frame.envelope.seq : -1);
      }
      return seqs;
    };
    const range = (from: number, to: number): number[] =>
      Array.from({ length: to - from + 1 }, (_, index) => from + index);

    const first = await own.openReader(options);
    expect(await take(107, first)).toEqual(range(1, 107));
    await first.ackThrough(place);
    expect(await take(48, first)).toEqual(range(108, 155));
    first.close();

    // A message is acknowledged once all of its frames are: the 101st to 107th come again.
    const second = await own.openReader(options);
    expect(await take(120, second)).toEqual(range(101, 220));
    await second.ackThrough(place);
    expect(await take(80, second)).toEqual(range(221, 300));
    await second.ackThrough(place);
    expect(await second.pending()).toBe(0);
    second.close();
  }, 60_000);

  it("begins in the middle of a message where it is told to", async () => {
    const own = await connectTestBus(await startTestNats(cleanup), cleanup);
    await own.publisher.publish(chainBuilder({ agent_uid: agentUid(52) }).take(10));
    const reader = await own.openReader({ ...readerOptions, from: 512 + 7 });
    const { item } = await reader.next(AbortSignal.timeout(10_000));
    expect(item).toMatchObject({ kind: "frame", frame: { place: 519, envelope: { seq: 8 } } });
    reader.close();
  }, 60_000);

  it("gives only the types asked for, and is not held up by the others", async () => {
    const own = await connectTestBus(await startTestNats(cleanup), cleanup);
    const chain = chainBuilder({ agent_uid: agentUid(53) });
    const types = { filter: signalFilter, types: new Set(["PROPOSAL"]) };
    const reader = await own.openReader({ ...readerOptions, ...types, maxAckPending: 5 });
    for (let n = 0; n < 30; n += 1) await own.publisher.publish([chain.next({ event_type: "LIFECYCLE" })]);
    await own.publisher.publish([chain.next({ event_type: "PLAN" }), chain.next({ event_type: "PROPOSAL" })]);
    const { item } = await reader.next(AbortSignal.timeout(20_000));
    expect(item).toMatchObject({ kind: "frame", frame: { envelope: { event_type: "PROPOSAL", seq: 32 } } });
    await reader.ackThrough(placeOfItem(item));
    expect(await reader.pending()).toBe(0);
    reader.close();
  }, 60_000);

  it("passes over nothing when the server dies between deliveries", async () => {
    const victim = await startTestNats(cleanup);
    const own = await connectTestBus(victim, cleanup);
    const frames = chainBuilder({ agent_uid: agentUid(51) }).take(2000);
    for (let from = 0; from < 2000; from += 5) await own.publisher.publish(frames.slice(from, from + 5));
    const reader = await own.openReader({ ...readerOptions, maxAckPending: 400 });
    const { signal } = new AbortController();
    const seqs: number[] = [];
    while (seqs.length < frames.length) {
      const { item } = await reader.next(signal);
      if (item.kind === "frame") seqs.push(item.frame.envelope.seq);
      if (seqs.length % 100 === 0) await reader.ackThrough(placeOfItem(item));
      if (seqs.length % 450 === 0) {
        victim.kill("SIGKILL");
        await victim.restart();
      }
    }
    expect(seqs).toEqual(frames.map((frame) => frame.envelope.seq));
    reader.close();
  }, 120_000);

  it("makes its consumer again when somebody deleted it", async () => {
    const server = await startTestNats(cleanup);
    const own = await connectTestBus(server, cleanup);
    const chain = chainBuilder({ agent_uid: agentUid(56) });
    await own.publisher.publish(chain.take(3));
    const { signal } = new AbortController();
    const reader = await own.openReader(readerOptions);
    for (let n = 0; n < 3; n += 1) await reader.next(signal);
    const connection = await connect({ servers: server.url });
    cleanup.add(() => connection.close());
    const next = reader.next(signal);
    await (await jetstreamManager(connection)).consumers.delete(contextStream, readerOptions.name);
    await own.publisher.publish(chain.take(1));
    expect((await next).item).toMatchObject({ frame: { envelope: { seq: 4 } } });
    reader.close();
  }, 60_000);

  it("hears of a stream that was made anew while its connection held, as a follower does", async () => {
    const server = await startTestNats(cleanup);
    const own = await connectTestBus(server, cleanup);
    await own.publisher.publish(chainBuilder({ agent_uid: agentUid(54) }).take(3));
    const { signal } = new AbortController();
    const reader = await own.openReader(readerOptions);
    const follower = own.follow({ signal });
    for (let n = 0; n < 3; n += 1) {
      await reader.next(signal);
      await follower.next();
    }
    const heard = Promise.allSettled([reader.next(signal), follower.next()]);
    const connection = await connect({ servers: server.url });
    cleanup.add(() => connection.close());
    await (await jetstreamManager(connection)).streams.delete(contextStream);
    await own.ensureStreams({ replicas: 1 });
    await own.publisher.publish(chainBuilder({ agent_uid: agentUid(55) }).take(3));
    const told = { status: "rejected", reason: expect.objectContaining({ name: "StreamChangedError" }) };
    expect(await heard).toEqual([told, told]);
    reader.close();
  }, 60_000);

  it("gives the trace backend one export at a time, so that a slow one costs no other a delivery", async () => {
    const server = await startTestNats(cleanup);
    const own = await connectTestBus(server, cleanup);
    for (let n = 0; n < 12; n += 1) await own.spans.put("team-a", Buffer.from(`export ${n}`));
    const stopping = new AbortController();
    const sent: string[] = [];
    const answer = Promise.withResolvers<void>();
    const send = (request: Buffer): Promise<void> => {
      sent.push(request.toString());
      return answer.promise;
    };
    const forwarding = own.spans.forward({ name: "traces", send, onLost: () => {}, signal: stopping.signal });
    const connection = await connect({ servers: server.url });
    cleanup.add(() => connection.close());
    const manager = await jetstreamManager(connection);
    await eventually("the first is being sent", () => sent.length === 1);
    expect(await manager.consumers.info(spansStream, "traces")).toMatchObject({ num_ack_pending: 1, num_pending: 11 });
    answer.resolve();
    await eventually("all are sent", () => sent.length === 12);
    expect(new Set(sent).size).toBe(12);
    stopping.abort(new Error("the test is over"));
    await forwarding;
  }, 60_000);
});
