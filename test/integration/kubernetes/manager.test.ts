import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { trace } from "@opentelemetry/api";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import { accessTo, renderRules } from "#nervous-system/kubernetes/access.ts";
import { isAlreadyExists } from "#nervous-system/kubernetes/errors.ts";
import { createInformer, informerAccess } from "#nervous-system/kubernetes/informer.ts";
import { configMaps, leases } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { createLeaderElector, leaseAccess } from "#nervous-system/kubernetes/lease.ts";
import { controllerReference } from "#nervous-system/kubernetes/resource-kind.ts";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createControllerMetrics, metricsOf } from "#operator/runtime/controller-metrics.ts";
import { createController, itsController, itself } from "#operator/runtime/controller.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { createManager, type ManagerEnd } from "#operator/runtime/manager.ts";
import { createKubernetesMetrics } from "#operator/runtime/kubernetes-metrics.ts";
import {
  clientOn,
  configMapDraft,
  eventually,
  freshNamespace,
  startTestPlane,
  type TestPlane,
} from "#test/integration/kubernetes/control-plane.ts";

const clock = systemClock();
let test: TestPlane;
let namespace = "";
let operatorConfig = "";

const access = [...leaseAccess, ...informerAccess(configMaps), accessTo(configMaps, ["create"])];

beforeAll(async () => {
  test = await startTestPlane();
  // Everything below runs as a user that has exactly the declared rights.
  const post = (path: string, body: unknown): Promise<unknown> =>
    test.admin.request({ method: "POST", path, body: { contentType: "application/json", text: JSON.stringify(body) } });
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  await post(`${rbac}/clusterroles`, { metadata: { name: "op" }, rules: renderRules(access) });
  await post(`${rbac}/clusterrolebindings`, {
    metadata: { name: "op" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "op" },
    subjects: [{ kind: "User", name: "op", apiGroup: "rbac.authorization.k8s.io" }],
  });
  operatorConfig = await test.plane.kubeconfigFor({ user: "op" });
}, 600_000);
afterAll(() => test?.stop(), 60_000);
beforeEach(async () => {
  namespace = await freshNamespace(test.admin);
});

type Operator = {
  url: string;
  end: Promise<ManagerEnd>;
  /** Whether it still led when it was asked for its last words. */
  lastWords: readonly boolean[];
  stop(): Promise<ManagerEnd>;
};

type Reconciler = (client: KubeClient, key: string) => Promise<Outcome>;

const startOperator = async (reconciler: Reconciler, stopTimeoutMs = 5000): Promise<Operator> => {
  const lastWords: boolean[] = [];
  const registry = createProcessRegistry();
  const kubernetesMetrics = createKubernetesMetrics(registry);
  const { client, close } = clientOn({ kind: "file", path: operatorConfig }, kubernetesMetrics.onAnswer);
  const times = { durationMs: 3000, renewDeadlineMs: 2000, retryMs: 300 };
  const common = { clock, random: () => 0.5, log: silentLog };
  const elector = createLeaderElector({ ...common, client, namespace, name: "op", identity: "op-1", times });
  const onEnd = kubernetesMetrics.onEndOf(configMaps);
  const informer = createInformer({ ...common, client, kind: configMaps, selection: { namespace }, onEnd });
  const writer = client.with({ guard: elector.fence });
  const controller = createController({
    ...common,
    name: "copier",
    workers: 2,
    reconcile: (key) => reconciler(writer, key),
    metrics: metricsOf(createControllerMetrics(registry), "copier", 2),
    tracer: trace.getTracer("test"),
  });
  controller.watch(informer, (change) => (change.object.metadata.name.endsWith("-copy") ? [] : itself(change)));
  controller.watch(informer, itsController("v1", "ConfigMap"));
  const manager = createManager({
    ...common,
    informers: [informer],
    controllers: [controller],
    elector,
    beforeRelease: async () => {
      lastWords.push(elector.isLeader());
    },
    stopTimeoutMs,
  });
  const server = await startHealthServer({
    port: 0,
    host: "127.0.0.1",
    registry,
    beforeScrape: () => {
      controller.refreshMetrics();
      kubernetesMetrics.refresh({ informers: [informer], elector, leaseName: "op" });
    },
    unready: () => manager.unready(),
  });
  const asked = new AbortController();
  const run = async (): Promise<ManagerEnd> => {
    try {
      return await manager.run(asked.signal);
    } finally {
      await server.close();
      close();
    }
  };
  const end = run();
  const stop = (): Promise<ManagerEnd> => {
    asked.abort();
    return end;
  };
  return { url: `http://127.0.0.1:${server.port}`, end, lastWords, stop };
};

const copy: Reconciler = async (client, key) => {
  const [inNamespace, name = ""] = key.split("/");
  const ref = { namespace: inNamespace ?? "", name };
  const source = await client.find(configMaps, ref);
  if (!source || source.metadata.name.startsWith("kube-")) return { kind: "done" };
  const draft = configMapDraft(namespace, `${ref.name}-copy`, source.data ?? {});
  const ownerReferences = [controllerReference(source)];
  await client
    .create(configMaps, { ...draft, metadata: { ...draft.metadata, ownerReferences } })
    .catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  return { kind: "done" };
};

const exists = async (name: string): Promise<boolean> =>
  (await test.admin.find(configMaps, { namespace, name })) !== undefined;
const holder = async (): Promise<string | undefined> =>
  (await test.admin.find(leases, { namespace, name: "op" }))?.spec?.holderIdentity;
const renewed = async (): Promise<string | undefined> =>
  (await test.admin.find(leases, { namespace, name: "op" }))?.spec?.renewTime;

describe("manager", () => {
  it("fills caches, leads, reconciles what was there and what comes, under exactly its declared rights", async () => {
    await test.admin.create(configMaps, configMapDraft(namespace, "before"));
    const operator = await startOperator(copy);
    await eventually("what was there is reconciled", () => exists("before-copy"));
    expect((await fetch(`${operator.url}/readyz`)).status).toBe(200);
    await test.admin.create(configMaps, configMapDraft(namespace, "after"));
    await eventually("what came is reconciled", () => exists("after-copy"));
    const child = await test.admin.get(configMaps, { namespace, name: "after-copy" });
    await test.admin.delete(configMaps, child.metadata);
    await eventually("a lost child is made again", () => exists("after-copy"));
    const metrics = await (await fetch(`${operator.url}/metrics`)).text();
    expect(metrics).toMatch(/controller_runtime_reconcile_total\{controller="copier",result="success"\} [1-9]/);
    expect(metrics).toMatch(/controller_runtime_max_concurrent_reconciles\{controller="copier"\} 2/);
    expect(metrics).toMatch(/workqueue_adds_total\{name="copier"\} [1-9]/);
    expect(metrics).toMatch(/rest_client_requests_total\{method="POST",code="201",host="127\.0\.0\.1:\d+"\} [1-9]/);
    expect(metrics).toContain('leader_election_master_status{name="op"} 1');
    expect(metrics).toContain('enchanted_informer_steps_total{resource="configmaps",end="listed"} 1');
    expect(metrics).toMatch(/enchanted_informer_silence_seconds\{resource="configmaps"\} [0-9]/);
    expect(metrics).toMatch(/process_resident_memory_bytes [1-9]/);
    expect((await fetch(`${operator.url}/healthz`)).status).toBe(200);
    expect(await operator.stop()).toBe("stopped");
    expect(await holder()).toBe("");
  }, 60_000);

  it("lets a reconcile that is under way end, its writes included, before it gives the lease up", async () => {
    const started = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const operator = await startOperator(async (client, key) => {
      started.resolve();
      await goOn.promise;
      return copy(client, key);
    });
    await test.admin.create(configMaps, configMapDraft(namespace, "slow"));
    await started.promise;
    const stopped = operator.stop();
    const before = await renewed();
    await eventually("the lease is renewed while the worker works", async () => (await renewed()) !== before);
    expect(await holder()).toBe("op-1");
    expect(operator.lastWords).toEqual([]);
    goOn.resolve();
    expect(await stopped).toBe("stopped");
    expect(operator.lastWords).toEqual([true]);
    expect(await holder()).toBe("");
    const copies = (await test.admin.list(configMaps, { namespace })).items.filter((item) =>
      item.metadata.name.endsWith("-copy"),
    );
    expect(copies.length).toBeGreaterThan(0);
  }, 60_000);

  it("keeps the lease from others, and ends, when a worker hangs", async () => {
    const started = Promise.withResolvers<void>();
    const operator = await startOperator(() => {
      started.resolve();
      return new Promise(() => {});
    }, 200);
    await test.admin.create(configMaps, configMapDraft(namespace, "hangs"));
    await started.promise;
    expect(await operator.stop()).toBe("stopped");
    expect(await holder()).toBe("op-1");
  }, 60_000);

  it("ends when its lease is lost, and writes nothing more", async () => {
    const written: string[] = [];
    const operator = await startOperator(async (client, key) => {
      const outcome = await copy(client, key);
      written.push(key);
      return outcome;
    });
    await eventually("it leads", async () => (await holder()) === "op-1");
    await eventually("its lease is stolen", async () => {
      const lease = await test.admin.get(leases, { namespace, name: "op" });
      const spec = { holderIdentity: "thief", leaseDurationSeconds: 60 };
      return test.admin.patch(leases, lease.metadata, { spec }).then(
        () => true,
        () => false,
      );
    });
    expect(await operator.end).toBe("lost");
    expect(await holder()).toBe("thief");
  }, 60_000);

  it("says which cache is not filled while the API server refuses it", async () => {
    const stranger = await test.plane.kubeconfigFor({ user: "stranger" });
    const { client, close } = clientOn({ kind: "file", path: stranger });
    const common = { clock, random: () => 0.1, log: silentLog };
    const refused: unknown[] = [];
    const onEnd = (end: { kind: string; error?: unknown }): void => void refused.push(end.error);
    const informer = createInformer({ ...common, client, kind: configMaps, selection: { namespace }, onEnd });
    const times = { durationMs: 3000, renewDeadlineMs: 2000, retryMs: 300 };
    const elector = createLeaderElector({ ...common, client, namespace, name: "op", identity: "op-1", times });
    const manager = createManager({ ...common, informers: [informer], controllers: [], elector, stopTimeoutMs: 100 });
    const asked = new AbortController();
    const end = manager.run(asked.signal);
    await eventually("the list was refused and tried again", () => refused.length >= 2);
    expect(manager.unready()).toEqual(["the cache of configmaps is not filled yet"]);
    asked.abort();
    expect(await end).toBe("stopped");
    close();
  }, 60_000);
});
