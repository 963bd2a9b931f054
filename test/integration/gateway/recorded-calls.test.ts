import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { verifyChain } from "#test/builders/chain.ts";
import { randomIds, stableId } from "#nervous-system/schemas/ids.ts";
import { createCollectorBlobs } from "#pipeline/gateway/collector-blobs.ts";
import { gatewayClusterAccess, gatewayTenantAccess } from "#pipeline/gateway/cluster-view.ts";
import { gatewaySettings } from "#pipeline/gateway/settings.ts";
import { startGateway, type Gateway } from "#pipeline/gateway/start.ts";
import { startTestUpstream, serverIdentity, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";
import { bodyProgram, post } from "#test/integration/gateway/gateway-harness.ts";
import {
  clientWithAccess,
  createAccount,
  createAgent,
  createMission,
  createModel,
  createPod,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, readFrames, startTestNats } from "#test/integration/pipeline/bus-harness.ts";
import { startTestCollector, type TestCollector } from "#test/integration/pipeline/collector-harness.ts";

const cleanup = createCleanup();
const podName = "enchanted-gateway-0";
let plane: TestPlane;
let collector: TestCollector;
let upstream: TestUpstream;
let dir = "";
let namespace = "";
let token = "";
let startAgain: () => Promise<{ gateway: Gateway; caPem: string }>;

/** What the gateway's pod would find: its own token, certificates, a claim. */
const prepareGateway = async (): Promise<typeof startAgain> => {
  const { releaseNamespace } = collector;
  await createAccount(plane.admin, releaseNamespace, "enchanted-gateway");
  const pod = await createPod(plane.admin, releaseNamespace, podName, "enchanted-gateway");
  const account = { namespace: releaseNamespace, name: "enchanted-gateway" };
  await writeFile(join(dir, "token"), `${await tokenFor(plane.admin, account, "enchanted-collector", pod)}\n`);
  const tls = await serverIdentity(join(dir, "pki"), "gateway", ["DNS:enchanted-gateway", "IP:127.0.0.1"]);
  const access = { cluster: gatewayClusterAccess, tenant: gatewayTenantAccess, namespace };
  const user = `system:serviceaccount:${releaseNamespace}:enchanted-gateway`;
  const { client, close } = await clientWithAccess(plane, user, access);
  cleanup.add(close);
  const settings = gatewaySettings.parse({
    ENCHANTED_RELEASE_NAMESPACE: releaseNamespace,
    ENCHANTED_POD_NAME: podName,
    ENCHANTED_LISTEN: "127.0.0.1:0",
    ENCHANTED_TLS_CERT_FILE: tls.certFile,
    ENCHANTED_TLS_KEY_FILE: tls.keyFile,
    ENCHANTED_CA_FILE: collector.caFile,
    ENCHANTED_COLLECTOR: `127.0.0.1:${collector.collector.port}`,
    ENCHANTED_TOKEN_FILE: join(dir, "token"),
    ENCHANTED_WAL_DIR: join(dir, "wal"),
    ENCHANTED_EXTRA_CA_FILE: upstream.caFile,
    ENCHANTED_ALLOW_LOOPBACK: "true",
  });
  const blobs = createCollectorBlobs(
    collector.clientOf(await tokenFor(plane.admin, account, "enchanted-collector", pod)),
  );
  const shared = { clock: systemClock(), ids: randomIds(), random: Math.random, log: silentLog, healthPort: 0 };
  return async () => ({
    gateway: await startGateway({ ...shared, settings, client, blobs, bodyProgram }),
    caPem: tls.caPem,
  });
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "enchanted-gateway-"));
  cleanup.add(() => rm(dir, { recursive: true, force: true }));
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  collector = await startTestCollector(plane, await startTestNats(cleanup), cleanup);
  upstream = await startTestUpstream(dir);
  cleanup.add(() => upstream.stop());
  namespace = await freshNamespace(plane.admin);
  await createAccount(plane.admin, namespace);
  await createModel(plane.admin, namespace, "open", { endpoint: `${upstream.url}/v1` });
  await createMission(plane.admin, { namespace, name: "fix" });
  const { pod } = await createAgent(plane.admin, { namespace, name: "fix-coder" }, { mission: "fix", model: "open" });
  token = await tokenFor(plane.admin, { namespace }, "enchanted-collector", pod);
  startAgain = await prepareGateway();
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

const get = (port: number, path: string): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.once("error", reject);
    sent.end();
  });

const ask = (gateway: Gateway, caPem: string, content: string) =>
  post({ port: gateway.port, caPem }, "/openai/v1/chat/completions", token, { messages: [{ role: "user", content }] });

const storedEpochs = async () => {
  const owner = stableId("gateway", podName, collector.releaseNamespace);
  const frames = await readFrames(collector.bus);
  return frames.filter((frame) => frame.envelope.agent_uid === owner);
};

describe("the gateway's own record", () => {
  it("reaches the stream as one chain over restarts, with both blobs of each exchange", async () => {
    const answer = { choices: [{ finish_reason: "stop" }], usage: { prompt_tokens: 1, completion_tokens: 1 } };
    upstream.respond((_, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer)),
    );
    for (const content of ["first", "second"]) {
      const { gateway, caPem } = await startAgain();
      expect(await get(gateway.healthPort, "/readyz")).toMatchObject({ status: 200 });
      expect((await ask(gateway, caPem, content)).status).toBe(200);
      expect((await get(gateway.healthPort, "/metrics")).text).toContain('enchanted_model_calls_total{status="200"} 1');
      await gateway.stop(10_000);
    }
    await eventually("both frames are stored", async () => (await storedEpochs()).length === 2);
    const [first, second] = await storedEpochs();
    if (first === undefined || second === undefined) throw new Error("two frames were expected");
    expect([first, second].map(({ envelope: { epoch, seq } }) => [epoch, seq])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(second.prevHash).toBe(first.hash);
    for (const frame of [first, second]) {
      const { agent_uid: agentUid, epoch, seq, observed } = frame.envelope;
      expect(verifyChain([{ ...frame, agentUid, epoch, seq, observedNs: BigInt(observed) }])).toBeUndefined();
      expect(frame.envelope).toMatchObject({ producer: "gateway", recorder: "gateway", mission: "fix", namespace });
    }
    const { payload } = JSON.parse(Buffer.from(first.bytes).toString()) as { payload: Record<string, string> };
    const chunks: Buffer[] = [];
    for await (const chunk of (await collector.blobs.get(namespace, payload["response_blob"] ?? "")) ?? [])
      chunks.push(chunk);
    expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual(answer);
    expect(await collector.blobs.get(namespace, payload["request_blob"] ?? "")).toBeDefined();
  }, 60_000);
});
