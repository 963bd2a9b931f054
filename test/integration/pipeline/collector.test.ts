import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import {
  exportLogs,
  exportTraces,
  getBlobMethod,
  putBlobMethod,
  tailMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import { startGrpcServer } from "#nervous-system/comms/grpc/server.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import {
  BlobChunkSchema,
  GetBlobRequestSchema,
  PutBlobResponseSchema,
  TailRequestSchema,
  TailResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { missionTraceId } from "#nervous-system/schemas/traces.ts";
import { decodeTraces } from "#nervous-system/codecs/otlp/decode-traces.ts";
import { encodeLogsRequest } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { tracesJsonToWire } from "#nervous-system/codecs/otlp/traces-json-to-wire.ts";
import { createCollectorBlobs } from "#pipeline/gateway/collector-blobs.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { createAccount, createPod, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, deadLettersOf, readFrames, startTestNats } from "./bus-harness.ts";
import { chainBuilder } from "./chain-builder.ts";
import { outgoing } from "./outgoing.ts";
import { missionIn, send, startTestAgent, startTestCollector, type TestCollector } from "./collector-harness.ts";

const cleanup = createCleanup();
let plane: TestPlane;
let nats: NatsServer;
let collector: TestCollector;
let team: Awaited<ReturnType<typeof missionIn>>;
let names = 0;
const anotherAgent = (status?: Parameters<typeof startTestAgent>[4]) =>
  startTestAgent(plane, collector, team, `coder${(names += 1)}`, status);

beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  nats = await startTestNats(cleanup);
  collector = await startTestCollector(plane, nats, cleanup);
  team = await missionIn(plane);
}, 600_000);
afterAll(() => cleanup.run());

const failureOf = async (call: Promise<unknown>): Promise<GrpcFailure> => {
  const result = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error: error as GrpcFailure }),
  );
  if ("error" in result) return result.error;
  throw new Error(`the call succeeded with ${JSON.stringify(result.value)}`);
};

const tailOf = async (client: GrpcClient, agentUid: string, epoch = 1): Promise<{ seq: number; hash: string }> => {
  const request = toBinary(TailRequestSchema, create(TailRequestSchema, { agentUid, epoch }));
  const answer = await client.unary(tailMethod, Buffer.from(request), { deadlineMs: 10_000 });
  const { seq, hash } = fromBinary(TailResponseSchema, answer);
  return { seq: Number(seq), hash };
};

/** Every frame of one chain as the stream holds it. */
const storedOf = async (
  agentUid: string,
): Promise<Array<{ envelope: Envelope; payload: Record<string, unknown>; hash: string }>> => {
  const frames = await readFrames(collector.bus);
  return frames
    .filter((frame) => frame.envelope.agent_uid === agentUid)
    .map(({ envelope, bytes, hash }) => ({
      envelope,
      hash,
      payload: (JSON.parse(Buffer.from(bytes).toString()) as { payload: Record<string, unknown> }).payload,
    }));
};

describe("frames of an agent", () => {
  it("are in the stream when the export succeeds, byte for byte, once however often they are sent", async () => {
    const { agent, client, chain } = await anotherAgent();
    const frames = chain.take(120);
    expect(await send(client, frames)).toBeUndefined();
    expect(await send(client, frames)).toBeUndefined();
    const stored = await storedOf(agent.metadata.uid);
    expect(stored.map(({ hash }) => hash)).toEqual(frames.map(({ hash }) => hash));
    expect(await tailOf(client, agent.metadata.uid)).toEqual({ seq: 120, hash: frames.at(-1)?.hash });
  });

  it("are refused without their predecessors", async () => {
    const { client, chain } = await anotherAgent();
    const failure = await failureOf(send(client, chain.take(3).slice(1)));
    expect([failure.code, failure.message]).toEqual([
      grpcStatus.aborted,
      expect.stringContaining("ask Tail and send from seq 1"),
    ]);
  });

  it("may come late from one of the last attempts, but not from an older one", async () => {
    const late = await anotherAgent((podUID) => ({
      attempt: 3,
      podUID: "later",
      history: [{ attempt: 1, podUID, reason: "AttemptFailed" }],
    }));
    expect(await send(late.client, late.chain.take(2))).toBeUndefined();
    const old = await anotherAgent((podUID) => ({
      attempt: 5,
      podUID: "later",
      history: [{ attempt: 1, podUID, reason: "AttemptFailed" }],
    }));
    expect((await failureOf(send(old.client, old.chain.take(1)))).code).toBe(grpcStatus.permissionDenied);
  });

  it("wait for the operator to write the pod down", async () => {
    const unknown = await anotherAgent(() => ({ attempt: 1, podName: "x" }));
    const failure = await failureOf(send(unknown.client, unknown.chain.take(1)));
    expect([failure.code, failure.retryAfterMs]).toEqual([grpcStatus.unavailable, 1_000]);
  });
});

describe("a call that is refused as a whole", () => {
  const codes = async (client: GrpcClient, call = send(client, [])): Promise<[number, string]> => {
    const { code, message } = await failureOf(call);
    return [code, message];
  };

  it("has no token, one for another audience, a made-up one, or one without a pod", async () => {
    const { namespace } = team;
    const pod = await createPod(plane.admin, namespace, "loose-1");
    const [{ unauthenticated, permissionDenied }, account] = [grpcStatus, { namespace }];
    const clientWith = async (audience: string, bound?: typeof pod): Promise<GrpcClient> =>
      collector.clientOf(await tokenFor(plane.admin, account, audience, bound));
    expect(await codes(collector.clientOf(undefined))).toEqual([
      unauthenticated,
      expect.stringContaining("authorization: Bearer"),
    ]);
    expect(await codes(collector.clientOf("made-up"))).toEqual([unauthenticated, expect.stringContaining("not valid")]);
    expect(await codes(await clientWith("enchanted-fetch", pod))).toEqual([
      unauthenticated,
      expect.stringContaining("audience"),
    ]);
    expect(await codes(await clientWith("enchanted-collector"))).toEqual([
      permissionDenied,
      expect.stringContaining("may not record in namespace"),
    ]);
    const stranger = await failureOf(send(await clientWith("enchanted-collector", pod), []));
    expect(stranger.code).toBe(grpcStatus.unavailable); // an Agent "loose" may still appear
  });

  it("speaks for another agent, another epoch, another mission or another persona", async () => {
    const [one, two] = [await anotherAgent(), await anotherAgent()];
    const uid = one.agent.metadata.uid;
    const own = { agent_uid: uid, mission_uid: team.mission.metadata.uid, mission: "fix", namespace: team.namespace };
    const cases: Array<[string, readonly ReturnType<typeof one.chain.next>[]]> = [
      ["agent_uid", two.chain.take(1)],
      ["epoch", chainBuilder({ ...own, epoch: 2 }).take(1)],
      ["mission_uid", chainBuilder({ ...own, mission_uid: stableId("other") }).take(1)],
      ["namespace", chainBuilder({ ...own, namespace: "kube-system" }).take(1)],
      ["recorder", chainBuilder({ ...own, recorder: "operator" }).take(1)],
      ["persona", chainBuilder({ ...own, persona: "reviewer" }).take(1)],
      ["persona_digest", chainBuilder({ ...own, persona_digest: `sha256:${"a".repeat(64)}` }).take(1)],
      ["about", chainBuilder({ ...own, about: { agent_uid: two.agent.metadata.uid, epoch: 1 } }).take(1)],
    ];
    for (const [name, frames] of cases) {
      expect(await codes(one.client, send(one.client, frames))).toEqual([
        grpcStatus.permissionDenied,
        expect.stringContaining(`the envelope says ${name}`),
      ]);
    }
    expect(await collector.bus.tail(uid, 1)).toMatchObject({ seq: 0 });
    expect((await failureOf(tailOf(one.client, two.agent.metadata.uid))).code).toBe(grpcStatus.permissionDenied);
  });

  it("is malformed, or larger than 16 MiB", async () => {
    const { client, chain } = await anotherAgent();
    const raw = (bytes: Buffer) => failureOf(client.unary(exportLogs, bytes, { deadlineMs: 20_000 }));
    const good = encodeLogsRequest(chain.take(2).map(outgoing));
    const truncated = await raw(good.subarray(0, good.length - 7));
    expect([truncated.code, truncated.message]).toEqual([
      grpcStatus.invalidArgument,
      expect.stringContaining("malformed protobuf"),
    ]);
    expect((await raw(Buffer.alloc(17 << 20, 1))).code).toBe(grpcStatus.resourceExhausted);
    const envelope = { ...outgoing(chain.next()), envelope: '{"agent_uid": "x"}' };
    expect(await codes(client, send(client, [envelope]))).toEqual([
      grpcStatus.invalidArgument,
      expect.stringContaining("log record 0: the envelope is invalid"),
    ]);
  });
});

describe("a frame that may not be kept", () => {
  it("becomes a GAP in its place, and the chain goes on behind it", async () => {
    const { agent, client, chain } = await anotherAgent();
    const frames = [
      chain.next(),
      chain.next({ event_type: "VERDICT", payload: { passed: true } }),
      chain.next(),
      chain.next(),
      chain.next(),
    ];
    const sent = frames.map(outgoing);
    const tampered = { ...sent[3]!, bytes: Buffer.from(String(sent[3]?.bytes).replace("thought", "nothing")) };
    const partial = await send(client, [sent[0]!, sent[1]!, sent[2]!, tampered, sent[4]!]);
    expect(partial?.rejected).toBe(2);
    expect(partial?.message).toMatch(/producer agent may not write VERDICT here; the hash does not fit the frame/);
    const stored = await storedOf(agent.metadata.uid);
    expect(stored.map(({ envelope }) => [envelope.seq, envelope.event_type, envelope.producer])).toEqual([
      [1, "THOUGHT", "agent"],
      [2, "GAP", "collector"],
      [3, "THOUGHT", "agent"],
      [4, "GAP", "collector"],
      [5, "THOUGHT", "agent"],
    ]);
    expect(stored[1]?.payload).toEqual({
      epoch: 1,
      from: 2,
      to: 2,
      why: "producer agent may not write VERDICT here",
      refused_type: "VERDICT",
    });
    expect(stored.map(({ hash }) => hash)).toEqual(frames.map(({ hash }) => hash));
    const letters = (await deadLettersOf(nats)).filter(({ agentUid }) => agentUid === agent.metadata.uid);
    expect(letters.map(({ reason, text }) => [reason, text])).toEqual([
      ["producer agent may not write VERDICT here", String(frames[1]?.bytes)],
      ["the hash does not fit the frame: it was changed on its way", String(tampered.bytes)],
    ]);
    // Sent again, and followed by the next frame, nothing more is refused or stored twice.
    expect(await send(client, [...frames.slice(4), chain.next()])).toBeUndefined();
    expect((await tailOf(client, agent.metadata.uid)).seq).toBe(6);
  });

  it("because a link of its chain was cut, too", async () => {
    const { agent, client, chain } = await anotherAgent();
    const one = chain.next();
    const { agent_uid, mission_uid, mission, namespace } = one.envelope;
    const other = chainBuilder({ agent_uid, mission_uid, mission, namespace, lineage: 1 });
    const [, cut] = other.take(2);
    const partial = await send(client, [one, cut!]);
    expect(partial).toEqual({
      rejected: 1,
      message: expect.stringContaining("prev_hash is not the hash of the stored seq 1"),
    });
    const stored = await storedOf(agent.metadata.uid);
    expect(stored.map(({ envelope }) => envelope.event_type)).toEqual(["THOUGHT", "GAP"]);
  });

  it("because its payload nests deeper than a frame may, however right its hash is", async () => {
    const { agent, client, chain } = await anotherAgent();
    let channel: unknown = "deep";
    for (let level = 0; level < 150; level += 1) channel = [channel];
    const frame = chain.next({
      event_type: "MESSAGE",
      payload: { to: "reviewer", text: "beyond the ledger", channel },
    });
    expect((await send(client, [frame]))?.message).toMatch(/nests deeper than 100 levels/);
    const stored = await storedOf(agent.metadata.uid);
    expect(stored.map(({ envelope }) => envelope.event_type)).toEqual(["GAP"]);
  });

  it("because its bytes are no JSON, not UTF-8, another event or too long", async () => {
    const { agent, client, chain } = await anotherAgent();
    const bad = [
      "{",
      Buffer.from([0x7b, 0xff, 0x7d]),
      "[]",
      JSON.stringify({ event_type: "ACTION" }),
      "x".repeat(256 * 1024 + 1),
    ];
    for (const bytes of bad) {
      const partial = await send(client, [{ ...outgoing(chain.next()), bytes: Buffer.from(bytes) }]);
      expect(partial?.rejected).toBe(1);
    }
    const stored = await storedOf(agent.metadata.uid);
    expect(stored.map(({ envelope }) => envelope.event_type)).toEqual(bad.map(() => "GAP"));
  });
});

describe("a component of the release", () => {
  it("writes its own chain about any mission, and only what it may", async () => {
    const { releaseNamespace: namespace } = collector;
    await createAccount(plane.admin, namespace, "enchanted-gateway");
    const pod = await createPod(plane.admin, namespace, "enchanted-gateway-0");
    const account = { namespace, name: "enchanted-gateway" };
    const bound = await plane.admin
      .request({
        method: "POST",
        path: `/api/v1/namespaces/${namespace}/pods`,
        body: {
          contentType: "application/json",
          text: JSON.stringify({
            apiVersion: "v1",
            kind: "Pod",
            metadata: { name: "enchanted-gateway-1", namespace },
            spec: { serviceAccountName: "enchanted-gateway", containers: [{ name: "c", image: "none" }] },
          }),
        },
      })
      .then((answer) => answer as typeof pod);
    const token = await tokenFor(plane.admin, account, "enchanted-collector", bound);
    const client = collector.clientOf(token);
    const uid = stableId("gateway", "enchanted-gateway-1", namespace);
    const chain = chainBuilder({
      agent_uid: uid,
      mission_uid: team.mission.metadata.uid,
      namespace: team.namespace,
      producer: "gateway",
      recorder: "gateway",
      about: { agent_uid: stableId("agent"), epoch: 1 },
    });
    expect(await send(client, [chain.next({ event_type: "MODEL_CALL" })])).toBeUndefined();
    expect((await send(client, [chain.next({ event_type: "THOUGHT" })]))?.message).toContain(
      "producer gateway may not write THOUGHT",
    );
    expect((await tailOf(client, uid)).seq).toBe(2);

    const bytes = Buffer.alloc(600_000, "window");
    const digest = await createCollectorBlobs(client).put(team.namespace, bytes);
    const { client: agentsOwn } = await anotherAgent();
    expect((await blobOf(agentsOwn, digest)).equals(bytes)).toBe(true);
  });
});

const blobOf = async (client: GrpcClient, digest: string, namespace = ""): Promise<Buffer> => {
  const request = toBinary(GetBlobRequestSchema, create(GetBlobRequestSchema, { digest, namespace }));
  const parts: Uint8Array[] = [];
  for await (const chunk of client.serverStream(getBlobMethod, Buffer.from(request), { deadlineMs: 20_000 }))
    parts.push(fromBinary(BlobChunkSchema, chunk).chunk);
  return Buffer.concat(parts);
};

describe("blobs", () => {
  it("go up and down in the pod's own namespace only", async () => {
    const { client } = await anotherAgent();
    const bytes = Buffer.alloc(3 << 20, "diff");
    async function* chunks(): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += 1 << 20) {
        const chunk = create(BlobChunkSchema, { chunk: bytes.subarray(at, at + (1 << 20)) });
        yield Buffer.from(toBinary(BlobChunkSchema, chunk));
      }
    }
    const answer = await client.clientStream(putBlobMethod, chunks(), { deadlineMs: 20_000 });
    const { digest, size } = fromBinary(PutBlobResponseSchema, answer);
    expect(size).toBe(BigInt(bytes.length));
    expect((await blobOf(client, digest)).equals(bytes)).toBe(true);
    expect((await failureOf(blobOf(client, digest.replace(/.$/, "0").replace(/.{3}$/, "fff")))).code).toBe(
      grpcStatus.notFound,
    );
    expect((await failureOf(blobOf(client, "sha256:x"))).code).toBe(grpcStatus.invalidArgument);
    expect((await failureOf(blobOf(client, digest, "kube-system"))).code).toBe(grpcStatus.permissionDenied);
    const stranger = await startTestAgent(plane, collector, await missionIn(plane), "stranger");
    expect((await failureOf(blobOf(stranger.client, digest))).code).toBe(grpcStatus.notFound);
  });
});

describe("what the collector depends on", () => {
  it("goes away and comes back: accepted tokens hold, nothing acknowledged is lost", async () => {
    const known = await anotherAgent();
    const unknown = await anotherAgent();
    await send(known.client, known.chain.take(1));
    plane.plane.apiServer.kill("SIGSTOP");
    try {
      expect(await send(known.client, known.chain.take(1))).toBeUndefined();
    } finally {
      plane.plane.apiServer.kill("SIGCONT");
    }
    expect(await send(unknown.client, unknown.chain.take(1))).toBeUndefined();

    nats.kill("SIGKILL");
    const waiting = send(known.client, known.chain.take(5));
    await nats.restart();
    expect(await waiting).toBeUndefined();
    expect((await tailOf(known.client, known.agent.metadata.uid)).seq).toBe(7);
  }, 60_000);

  it("is told by readiness", async () => {
    const ready = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${collector.collector.healthPort}/readyz`)).status;
    expect(await ready()).toBe(200);
    nats.kill("SIGKILL");
    await eventually("not ready without NATS", async () => (await ready()) === 503);
    await nats.restart();
    await eventually("ready again", async () => (await ready()) === 200);
    const metrics = await (await fetch(`http://127.0.0.1:${collector.collector.healthPort}/metrics`)).text();
    expect(metrics).toMatch(/enchanted_frames_stored_total [1-9]/);
    expect(metrics).toMatch(/enchanted_frames_refused_total [1-9]/);
  }, 60_000);
});

describe("limits and spans", () => {
  it("slow an agent that floods, with the time to wait", async () => {
    const slow = await startTestCollector(plane, nats, cleanup, { framesPerSecond: 10 });
    const { client, chain } = await startTestAgent(plane, slow, team, `flood${(names += 1)}`);
    expect(await send(client, chain.take(90))).toBeUndefined();
    const failure = await failureOf(send(client, chain.take(90)));
    expect(failure.code).toBe(grpcStatus.unavailable);
    expect(failure.retryAfterMs).toBeGreaterThan(5_000);
  }, 60_000);

  /** A trace backend that keeps what it gets. */
  const startBackend = (received: Buffer[], address: string) =>
    startGrpcServer({
      address,
      handlers: [
        {
          kind: "unary",
          method: exportTraces,
          handle: (request) => {
            received.push(request);
            return Promise.resolve(Buffer.of());
          },
        },
      ],
      onError: () => {},
      clock: systemClock(),
    });

  it("keep an agent out of the trace of another tenant's mission, and say whose its spans are", async () => {
    const received: Buffer[] = [];
    const backend = await startBackend(received, "127.0.0.1:0");
    cleanup.add(() => backend.close(0));
    // With a stream of its own: collectors of one stream share the work of forwarding.
    const apart = await startTestNats(cleanup);
    const tracing = await startTestCollector(plane, apart, cleanup, { traces: `127.0.0.1:${backend.port}` });
    const { agent, client } = await startTestAgent(plane, tracing, team, `forger${(names += 1)}`);
    const victim = await missionIn(plane);
    const [own, foreign] = [team.mission, victim.mission].map(({ metadata }) => missionTraceId(metadata.uid));
    const lies = [{ key: "enchanted.namespace", value: { stringValue: victim.namespace } }];
    const spans = [own, foreign].map((traceId) => ({ traceId, spanId: "0a".repeat(8), name: "x", attributes: lies }));
    const request = { resourceSpans: [{ resource: { attributes: lies }, scopeSpans: [{ spans }] }] };
    await client.unary(exportTraces, tracesJsonToWire(Buffer.from(JSON.stringify(request))), { deadlineMs: 10_000 });
    await eventually("the backend has the spans", () => received.length === 1);
    const [stays, moved] = decodeTraces(received[0] ?? Buffer.of());
    expect(stays).toMatchObject({ traceId: own, attributes: {} });
    expect(moved).toMatchObject({ attributes: { "enchanted.trace_id": foreign } });
    expect([own, foreign]).not.toContain(moved?.traceId);
    expect(moved?.scope.resource).toEqual({
      "enchanted.namespace": team.namespace,
      "enchanted.mission": team.mission.metadata.name,
      "enchanted.mission_uid": team.mission.metadata.uid,
      "enchanted.agent": agent.metadata.name,
      "enchanted.agent_uid": agent.metadata.uid,
    });
    const metrics = await (await fetch(`http://127.0.0.1:${tracing.collector.healthPort}/metrics`)).text();
    expect(metrics).toContain("enchanted_spans_moved_total 1");
  }, 60_000);

  it("bring spans to the backend, over its outage too, and hold no frame for it", async () => {
    const received: Buffer[] = [];
    const backend = await startBackend(received, "127.0.0.1:0");
    const address = `127.0.0.1:${backend.port}`;
    const tracing = await startTestCollector(plane, nats, cleanup, { traces: `http://${address}` });
    const { client, chain } = await startTestAgent(plane, tracing, team, `spans${(names += 1)}`);
    const spans = Buffer.from("0a020a00", "hex"); // a resource without spans;
    await client.unary(exportTraces, spans, { deadlineMs: 10_000 });
    await eventually("the backend has the spans", () => received.length === 1);
    await backend.close(0);
    await client.unary(exportTraces, spans, { deadlineMs: 10_000 });
    expect(await send(client, chain.take(2))).toBeUndefined();
    const again = await startBackend(received, address);
    cleanup.add(() => again.close(0));
    await eventually("the backend has what was sent while it was away", () => received.length === 2);
    const metrics = await (await fetch(`http://127.0.0.1:${tracing.collector.healthPort}/metrics`)).text();
    expect(metrics).toContain("enchanted_span_exports_forwarded_total 2");
  }, 60_000);
});
