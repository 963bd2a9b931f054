import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { freePort } from "#platform/process/ports.ts";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { createObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog, type Log } from "#nervous-system/kernel/log.ts";
import { chainFilter, contextStream } from "#nervous-system/schemas/subjects.ts";
import { createObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { collectorSettings } from "#pipeline/collector/settings.ts";
import { startCollector, type Collector } from "#pipeline/collector/start.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { collectorKubeconfig, startSwarmPlane } from "#test/integration/gateway/swarm-plane.ts";
import { clientOn, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, startTestNats } from "#test/integration/pipeline/bus-harness.ts";
import { missionIn, startTestAgent, type TestCollector } from "#test/integration/pipeline/collector-harness.ts";
import {
  chainFault,
  connectWriter,
  layOutPod,
  producerPart,
  setStage,
  startPodScribe,
  stopScribe,
  thought,
  until,
  type Pod,
  type Stage,
} from "./stage.ts";

jest.setTimeout(120_000);

const cleanup = createCleanup();
let stage: Stage;
let plane: TestPlane;
let nats: NatsServer;
let bus: Bus;
let port: number;
let startOwnCollector: () => Promise<Collector>;
let running: Collector | undefined;
/** What the collectors said, shown where a scribe ends with a record that is not whole. */
const said: string[] = [];
const say = (fields: unknown, message?: string): void => void said.push(`${JSON.stringify(fields)} ${message}`);
const log: Log = { ...silentLog, info: say, warn: say, error: say };

beforeAll(async () => {
  stage = await setStage();
  cleanup.add(() => stage.remove());
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  nats = await startTestNats(cleanup);
  bus = await connectTestBus(nats, cleanup);
  const { namespace: releaseNamespace, kubeconfig } = await collectorKubeconfig(plane);
  const { client, close } = clientOn({ kind: "file", path: kubeconfig });
  cleanup.add(close);
  port = await freePort();
  // Blobs are no part of this; their store is asked by nobody.
  const s3 = {
    endpoint: "http://127.0.0.1:9",
    region: "none",
    bucket: "none",
    accessKeyId: "none",
    secretAccessKey: "none",
  };
  const blobs = createObjectStore({ client: createObjectClient(s3), spoolDir: stage.dir });
  const settings = collectorSettings.parse({
    ENCHANTED_RELEASE_NAMESPACE: releaseNamespace,
    ENCHANTED_LISTEN: `127.0.0.1:${port}`,
    ENCHANTED_TLS_CERT_FILE: stage.tls.certFile,
    ENCHANTED_TLS_KEY_FILE: stage.tls.keyFile,
  });
  startOwnCollector = async () => {
    const connectBus = () => connectTestBus(nats, cleanup);
    const environment = { settings, client, connectBus, blobs, clock: systemClock(), random: Math.random };
    running = await startCollector({ ...environment, log, healthPort: 0 });
    return running;
  };
  await startOwnCollector();
});
afterAll(async () => {
  await running?.stop(1000);
  await cleanup.run();
});

/** An agent that the operator knows, with the volumes of its pod. */
const anAgentPod = async (name: string): Promise<{ pod: Pod; uid: string }> => {
  const team = await missionIn(plane);
  const clientOf = (): ReturnType<typeof createGrpcClient> =>
    createGrpcClient({ address: `127.0.0.1:${port}`, clock: systemClock() });
  const { agent, token, client } = await startTestAgent(plane, { clientOf } as unknown as TestCollector, team, name);
  client.close();
  const pod = await layOutPod(stage, name, port, {
    ENCHANTED_NAMESPACE: team.namespace,
    ENCHANTED_MISSION: team.mission.metadata.name,
    ENCHANTED_MISSION_UID: team.mission.metadata.uid,
    ENCHANTED_AGENT: name,
    ENCHANTED_AGENT_UID: agent.metadata.uid,
    // What is stored is looked at here, not how soon: the stream flushes each write to a disk that other tests fill.
    ENCHANTED_DRAIN_MS: "30000",
  });
  await writeFile(join(pod.dir, "token"), token);
  return { pod, uid: agent.metadata.uid };
};

/** The stream loses everything that it had stored of one chain. */
const purgeChain = async (uid: string): Promise<void> => {
  const connection = await connect({ servers: nats.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.purge(contextStream, { filter: chainFilter(uid, 1) });
  await connection.close();
};

/** The frames of one chain as the stream holds them. */
const storedOf = async (uid: string): Promise<StoredFrame[]> => {
  const tail = await bus.tail(uid, 1);
  const abort = new AbortController();
  const frames: StoredFrame[] = [];
  for await (const { item } of bus.follow({ signal: abort.signal })) {
    if (item.kind === "poison") throw new Error(item.poison.reason);
    if (item.frame.envelope.agent_uid === uid) frames.push(item.frame);
    if (item.frame.envelope.agent_uid === uid && item.frame.envelope.seq >= tail.seq) break;
  }
  abort.abort();
  return frames;
};

describe("scribe, collector and JetStream together", () => {
  it("store every acknowledged frame once, in order, though each of the three dies under load", async () => {
    const { pod, uid } = await anAgentPod("coder");
    const acknowledged = new Map<number, string>();
    let sent = 0;
    const burst = async (disturb: () => Promise<unknown>): Promise<void> => {
      const writer = await connectWriter(pod.socket);
      const first = sent;
      for (let n = 0; n < 600; n += 1) writer.write(thought(`frame ${sent++}`));
      await writer.answered(100);
      await disturb();
      for (const [at, { ok, seq }] of writer.answers.entries()) if (ok) acknowledged.set(seq!, `frame ${first + at}`);
      writer.socket.destroy();
    };
    let scribe = await startPodScribe(stage, pod);
    for (let round = 0; round < 3; round += 1) {
      await burst(async () => {
        scribe.process.kill("SIGKILL");
        await scribe.ended;
      });
      scribe = await startPodScribe(stage, pod);
      await burst(async () => {
        await running?.stop(0);
        await startOwnCollector();
      });
      await burst(async () => {
        nats.kill("SIGKILL");
        await nats.restart();
      });
    }
    expect({ exitCode: await stopScribe(scribe), output: scribe.output(), said }).toEqual({
      exitCode: 0,
      output: expect.stringContaining("every frame is stored"),
      said: expect.anything(),
    });
    const stored = await storedOf(uid);
    expect(chainFault(stored)).toBeUndefined();
    const texts = new Map(stored.map((frame) => [frame.envelope.seq, producerPart(frame).payload["text"]]));
    expect(acknowledged.size).toBeGreaterThan(9 * 100);
    for (const [seq, text] of acknowledged) expect(texts.get(seq)).toBe(text);
  });

  it("heal a stream that was lost whole: the log sends it again from the first frame", async () => {
    const { pod, uid } = await anAgentPod("healed");
    let scribe = await startPodScribe(stage, pod);
    const writer = await connectWriter(pod.socket);
    for (let n = 0; n < 50; n += 1) writer.write(thought(String(n)));
    await writer.answered(50);
    await until("they are stored", async () => (await bus.tail(uid, 1)).seq >= 51);
    const before = await storedOf(uid);
    await purgeChain(uid);
    scribe.process.kill("SIGKILL");
    await scribe.ended;
    scribe = await startPodScribe(stage, pod);
    expect(await stopScribe(scribe)).toBe(0);
    const after = await storedOf(uid);
    expect(chainFault(after)).toBeUndefined();
    expect(after.slice(0, before.length).map(({ hash }) => hash)).toEqual(before.map(({ hash }) => hash));
    writer.socket.destroy();
  });
});
