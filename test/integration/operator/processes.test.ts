import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { agents, missions, models } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { leases } from "#nervous-system/kubernetes/kinds.ts";
import { isTrue } from "#nervous-system/schemas/conditions.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { freePort } from "#platform/process/ports.ts";
import { startService, type RunningService } from "#platform/process/service.ts";
import { startNats } from "#platform/stores/nats.ts";
import { aMissionSpec, someDigest } from "#test/builders/mission.ts";
import { aModelSpec } from "#test/builders/model.ts";
import { someRelease } from "#test/builders/network.ts";
import { serverIdentity, startTestUpstream, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { startKubelet, wholeLife, type Kubelet } from "#test/integration/operator/kubelet.ts";
import { releaseNamespace, startWorld, type World } from "#test/integration/operator/world.ts";

jest.setTimeout(120_000);

let world: World;
let dir = "";
let gateway: TestUpstream;
let namespace = "";
let kubelet: Kubelet;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "enchanted-operators-"));
  world = await startWorld();
  gateway = await startTestUpstream(dir);
  gateway.respond((_, response) => response.end(JSON.stringify({ ok: true, reason: "ProbeSucceeded", message: "" })));
  namespace = await world.newTenant();
  kubelet = await startKubelet(world.admin, namespace);
  await writeFile(join(dir, "token"), "token");
  await world.admin.create(models, {
    apiVersion: groupVersion,
    kind: "Model",
    metadata: { namespace, name: "scripted" },
    spec: aModelSpec() as never,
  });
}, 600_000);
afterAll(async () => {
  await kubelet?.stop();
  await gateway?.stop();
  await world?.stop();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

const startProcess = async (name: string, more: Record<string, string> = {}): Promise<RunningService> => {
  const port = await freePort();
  const env = {
    KUBECONFIG: world.operatorKubeconfig,
    NATS_URL: world.natsUrl,
    ENCHANTED_RELEASE_NAMESPACE: releaseNamespace,
    ENCHANTED_RELEASE_NAME: someRelease.name,
    ENCHANTED_TENANTS: namespace,
    ENCHANTED_POD_NAME: name,
    ENCHANTED_SCRIBE_IMAGE: `registry.example.org/scribe@${someDigest}`,
    ENCHANTED_AGENT_IMAGE: `registry.example.org/cortex@${someDigest}`,
    ENCHANTED_CA_FILE: gateway.caFile,
    ENCHANTED_GATEWAY: new URL(gateway.url).host,
    ENCHANTED_GATEWAY_TOKEN_FILE: join(dir, "token"),
    ENCHANTED_TOKEN_FILE: join(dir, "token"),
    ENCHANTED_WAL_DIR: join(dir, `wal-${name}`),
    ENCHANTED_HEALTH_PORT: String(port),
    ENCHANTED_LEASE_DURATION: "6s",
    ENCHANTED_FAILURE_PAUSE: "100ms",
    LOG_LEVEL: "debug",
    ...more,
  };
  const ready = { kind: "http", url: `http://127.0.0.1:${port}/readyz` } as const;
  const command = [process.execPath, "operator/main.ts"];
  return startService({ name, command, env, ready, readyTimeoutMs: 60_000 }, dir);
};

const holder = async (): Promise<string> => {
  const lease = await world.admin.find(leases, { namespace: releaseNamespace, name: "enchanted-operator" });
  return lease?.spec?.holderIdentity ?? "";
};

const submit = (name: string) =>
  world.admin.create(missions, {
    apiVersion: groupVersion,
    kind: "Mission",
    metadata: { namespace, name },
    spec: aMissionSpec() as never,
  });

const completes = (name: string): Promise<void> =>
  eventually(`${name} is Complete`, async () =>
    isTrue((await world.admin.find(missions, { namespace, name }))?.status?.conditions, "Complete"),
  );

describe("two operators", () => {
  it("never act at once: the one that was frozen past its lease writes nothing when it thaws", async () => {
    await using first = await startProcess("first");
    await eventually("the first leads", async () => (await holder()).startsWith("first_"));
    await using second = await startProcess("second");
    kubelet.script(/^before-coder-/, ...wholeLife());
    await submit("before");
    await completes("before");

    // Frozen in the middle of its work: an Agent is there, its pod may be decided and not yet made.
    kubelet.script(/^during-coder-1$/, ...wholeLife({ exitCode: 1 }));
    kubelet.script(/^during-coder-2$/, ...wholeLife());
    await submit("during");
    await eventually(
      "the first is at work",
      async () => (await world.admin.find(agents, { namespace, name: "during-coder" })) !== undefined,
    );
    first.kill("SIGSTOP");
    await eventually("the second leads", async () => (await holder()).startsWith("second_"));
    await eventually("the second acts", async () => {
      const agent = await world.admin.find(agents, { namespace, name: "during-coder" });
      return agent?.status?.podUID !== undefined;
    });
    first.kill("SIGCONT");
    await first.exited;
    await completes("during");
    expect((await holder()).startsWith("second_")).toBe(true);
    expect(kubelet.mostAtOnce()).toBe(1);
    const agent = await world.admin.get(agents, { namespace, name: "during-coder" });
    const seen = kubelet.seen().filter((name) => name.startsWith("during-"));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(agent.status?.attempt);
    await second.stop();
  });
});

describe("an operator", () => {
  it("comes to a NATS that asks for TLS, by the CA that it was told", async () => {
    const tls = await serverIdentity(join(dir, "pki"), "nats", ["DNS:localhost"]);
    await using nats = await startNats({ dir: join(dir, "nats"), tls });
    await using _ = await startProcess("by-tls", { NATS_URL: nats.url, NATS_CA_FILE: tls.caFile });
    await eventually("NATS has it", async () => {
      const { connections } = (await (await fetch(`${nats.monitorUrl}/connz`)).json()) as {
        connections: Array<{ name?: string; tls_version?: string }>;
      };
      return connections.some(({ name, tls_version }) => name === "operator" && tls_version === "1.3");
    });
  });
});
