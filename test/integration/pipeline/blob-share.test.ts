import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import { createCollectorBlobs } from "#pipeline/gateway/collector-blobs.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import type { TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, startTestNats } from "./bus-harness.ts";
import { missionIn, startTestAgent, startTestCollector, type TestCollector } from "./collector-harness.ts";

const KIB = 1024;
/** Of which agents have a quarter, and components the rest. */
const SHARE = 1024 * KIB;

const cleanup = createCleanup();
let plane: TestPlane;
let nats: NatsServer;
let collector: TestCollector;
let team: Awaited<ReturnType<typeof missionIn>>;
beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  nats = await startTestNats(cleanup);
  collector = await startTestCollector(plane, nats, cleanup, { blobBytes: SHARE });
  team = await missionIn(plane);
}, 600_000);
afterAll(() => cleanup.run());

const put = (client: GrpcClient, namespace: string, bytes: Buffer): Promise<string> =>
  createCollectorBlobs(client).put(namespace, bytes);

/** Uploads blobs of so many bytes until one is refused; answers how many went, and the refusal. */
const fill = async (client: GrpcClient, namespace: string, bytes: number) => {
  const blobs: Buffer[] = [];
  for (;;) {
    const blob = randomBytes(bytes);
    const refusal: unknown = await put(client, namespace, blob).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal !== undefined) return { blobs, refusal };
    blobs.push(blob);
  }
};

const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

const gateway = async (): Promise<GrpcClient> => {
  const { releaseNamespace: namespace } = collector;
  await createAccount(plane.admin, namespace, "enchanted-gateway");
  const spec = { serviceAccountName: "enchanted-gateway", containers: [{ name: "c", image: "none" }] };
  const text = JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "enchanted-gateway-0", namespace },
    spec,
  });
  const body = { contentType: "application/json", text };
  const pod = (await plane.admin.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/pods`,
    body,
  })) as Pod;
  return collector.clientOf(
    await tokenFor(plane.admin, { namespace, name: "enchanted-gateway" }, "enchanted-collector", pod),
  );
};

describe("a namespace's share of the blobs", () => {
  it("is all that its agents fill, over a restart too, and neither its components' nor another namespace's", async () => {
    const greedy = await startTestAgent(plane, collector, team, "greedy");
    const { blobs, refusal } = await fill(greedy.client, team.namespace, 60 * KIB);
    expect(blobs).toHaveLength(4);
    expect(refusal).toMatchObject({
      code: grpcStatus.resourceExhausted,
      message: `the agents of namespace ${team.namespace} have filled their share of the store of blobs, ${SHARE / 4} bytes (blobs.maxBytesPerNamespace)`,
    });

    // What is there stays there, and may be said again.
    const [first = Buffer.of()] = blobs;
    expect(await put(greedy.client, team.namespace, first)).toBe(digestOf(first));
    for (const blob of blobs) expect(await collector.blobs.get(team.namespace, digestOf(blob))).toBeDefined();

    const other = await missionIn(plane);
    const modest = await startTestAgent(plane, collector, other, "modest");
    expect(await put(modest.client, other.namespace, randomBytes(60 * KIB))).toMatch(/^sha256:/);
    const recorded = await fill(await gateway(), team.namespace, 100 * KIB);
    expect(recorded.blobs).toHaveLength(7);

    const restarted = await startTestCollector(plane, nats, cleanup, { blobBytes: SHARE });
    await expect(put(restarted.clientOf(greedy.token), team.namespace, randomBytes(60 * KIB))).rejects.toMatchObject({
      code: grpcStatus.resourceExhausted,
    });
    const metrics = await (await fetch(`http://127.0.0.1:${collector.collector.healthPort}/metrics`)).text();
    expect(metrics).toContain('enchanted_blobs_refused_total{payer="agents"} 1');
  }, 60_000);

  it("counts a byte as no less than a file takes", async () => {
    const tiny = await missionIn(plane);
    const { client } = await startTestAgent(plane, collector, tiny, "tiny");
    expect((await fill(client, tiny.namespace, 8)).blobs).toHaveLength(SHARE / 4 / 4096);
  }, 60_000);
});
