import { describe, expect, it, jest } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { isConflict } from "#nervous-system/kubernetes/errors.ts";
import { events, networkPolicies, pods, secrets } from "#nervous-system/kubernetes/kinds.ts";
import { controllerReference, type KubeObject, type ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, missions, models, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import { observeFinalizer } from "#nervous-system/schemas/names.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { anAgentSpec } from "#test/builders/agent.ts";
import { aMissionSpec } from "#test/builders/mission.ts";
import { endedStatus, runningStatus, verifierStatus } from "#test/builders/pod-status.ts";
import { clientOn, eventually, freshNamespace } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";
import { confineTenant } from "#test/integration/operator/world.ts";

jest.setTimeout(120_000);

const stage = missionStage();
const { missionIs, modelIsReady, operate, submit } = stage;

const submitTo = (namespace: string): Promise<Mission> =>
  stage.world.admin.create(missions, {
    apiVersion: groupVersion,
    kind: "Mission",
    metadata: { namespace, name: "elsewhere" },
    spec: aMissionSpec() as never,
  });

const roleBindings: ResourceKind = {
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural: "rolebindings",
  kind: "RoleBinding",
  namespaced: true,
};

describe("the operator", () => {
  it("may do nothing to pods, Secrets or Events outside of tenants", async () => {
    const { client, close } = clientOn({ kind: "file", path: stage.world.operatorKubeconfig });
    try {
      const pod = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "mine" },
        spec: { containers: [{ name: "c", image: "none" }] },
      };
      const create = (namespace: string): Promise<unknown> =>
        client.create(pods, { ...pod, metadata: { ...pod.metadata, namespace } }, { dryRun: true });
      for (const namespace of ["kube-system", "default", undefined]) {
        await expect(client.list(pods, { namespace })).rejects.toMatchObject({ code: 403 });
        await expect(client.list(secrets, { namespace })).rejects.toMatchObject({ code: 403 });
        await expect(client.list(events, { namespace })).rejects.toMatchObject({ code: 403 });
      }
      await expect(create("kube-system")).rejects.toMatchObject({ code: 403 });
      await expect(client.list(pods, { namespace: stage.namespace })).resolves.toMatchObject({ items: [] });
      await expect(client.list(secrets, { namespace: stage.namespace })).rejects.toMatchObject({ code: 403 });
    } finally {
      close();
    }
  });

  it("tells a mission elsewhere that nobody works on it, and makes nothing there", async () => {
    const elsewhere = await freshNamespace(stage.world.admin);
    await stage.world.admin.create(models, {
      apiVersion: groupVersion,
      kind: "Model",
      metadata: { namespace: elsewhere, name: "scripted" },
      spec: (await stage.world.admin.get(models, { namespace: stage.namespace, name: "scripted" })).spec,
    });
    await submitTo(elsewhere);
    stage.kubelet.script(/^fix-bug-coder-/, ...wholeLife());
    const operator = operate();
    await modelIsReady();
    const toldOf = async (type: "ResolvedRefs" | "Stalled") => {
      const found = await stage.world.admin.find(missions, { namespace: elsewhere, name: "elsewhere" });
      return findCondition(found?.status?.conditions, type);
    };
    await eventually("it is told", async () => (await toldOf("Stalled"))?.status === "True");
    expect(await toldOf("ResolvedRefs")).toMatchObject({
      status: "False",
      reason: "NotTenant",
      message: expect.stringContaining("`tenants`"),
    });
    await submit();
    await missionIs("Complete");
    expect((await stage.world.admin.list(agents, { namespace: elsewhere })).items).toEqual([]);
    expect((await stage.world.admin.list(pods, { namespace: elsewhere })).items).toEqual([]);
    expect((await stage.world.admin.list(events, { namespace: elsewhere })).items).toEqual([]);
    expect(operator.writes.filter(({ verb, kind }) => verb === "create" && kind === "Agent")).toHaveLength(1);
  });

  it("tells a Model elsewhere that nobody asks its endpoint, so that nobody waits for it for ever", async () => {
    const elsewhere = await freshNamespace(stage.world.admin);
    const { spec } = await stage.world.admin.get(models, { namespace: stage.namespace, name: "scripted" });
    const created = await stage.world.admin.create(models, {
      apiVersion: groupVersion,
      kind: "Model",
      metadata: { namespace: elsewhere, name: "scripted" },
      spec,
    });
    operate();
    const statusOf = async () =>
      (await stage.world.admin.get(models, { namespace: elsewhere, name: "scripted" })).status;
    await eventually("it is told", async () => (await statusOf())?.conditions !== undefined);
    const status = await statusOf();
    const told = { reason: "NotTenant", message: expect.stringContaining("`tenants`") };
    expect(findCondition(status?.conditions, "Ready")).toMatchObject({ status: "False", ...told });
    expect(findCondition(status?.conditions, "Stalled")).toMatchObject({ status: "True", ...told });
    expect(status?.observedGeneration).toBe(created.metadata.generation);
    expect((await stage.world.admin.list(events, { namespace: elsewhere })).items).toEqual([]);
  });

  it("works for the others, and lets Agents go, where a tenant's namespace is being deleted and its Role is gone", async () => {
    const { admin } = stage.world;
    const going = await stage.world.newTenant();
    const mission = await submitTo(going);
    await admin.create(agents, {
      apiVersion: groupVersion,
      kind: "Agent",
      metadata: {
        namespace: going,
        name: "elsewhere-coder",
        finalizers: [observeFinalizer],
        ownerReferences: [controllerReference(mission)],
      },
      spec: anAgentSpec({ missionRef: { name: "elsewhere" } }) as never,
    });
    const agent = await admin.get(agents, { namespace: going, name: "elsewhere-coder" });
    await admin.delete(roleBindings, (await admin.get(roleBindings, { namespace: going, name: "operator" })).metadata);
    await admin.delete(agents, agent.metadata);
    stage.kubelet.script(/^fix-bug-coder-/, ...wholeLife());
    const clock = systemClock();
    // Past the time that its pods would have had.
    operate({ tenants: [going, stage.namespace], clock: { ...clock, now: () => clock.now() + 120_000 } });
    await modelIsReady();
    await submit();
    await missionIs("Complete");
    await eventually("the Agent is let go", async () => (await admin.find(agents, agent.metadata)) === undefined);
  });
});

const removePolicy = async (name: string): Promise<void> => {
  const ref = { namespace: stage.namespace, name };
  await stage.world.admin.delete(networkPolicies, (await stage.world.admin.get(networkPolicies, ref)).metadata);
};

const stalledBy = (reason: string): Promise<void> =>
  eventually(`the mission says ${reason}`, async () => {
    const told = findCondition((await stage.mission())?.status?.conditions, "Stalled");
    return told?.reason === reason;
  });

const podsHere = async (): Promise<string[]> =>
  (await stage.world.admin.list(pods, { namespace: stage.namespace })).items.map(({ metadata }) => metadata.name);

/** Has the operator look again at once. */
const askAgain = async <T extends KubeObject>(kind: ResourceKind<T>, name: string): Promise<void> => {
  const patch = { metadata: { annotations: { "swarm.enchanted.dev/requestedAt": "now" } } };
  // The operator writes its status meanwhile.
  await eventually("it is asked", async () => {
    const { metadata } = await stage.world.admin.get(kind, { namespace: stage.namespace, name });
    const { uid, resourceVersion } = metadata;
    return stage.world.admin.patch(kind, { namespace: stage.namespace, name, uid, resourceVersion }, patch).then(
      () => true,
      (error: unknown) => {
        if (isConflict(error)) return false;
        throw error;
      },
    );
  });
};

describe("a namespace whose NetworkPolicy is not there", () => {
  it("gets no agent, says why, and goes on once it is", async () => {
    await removePolicy("enchanted-confined");
    stage.kubelet.script(/^fix-bug-coder-/, ...wholeLife());
    operate();
    await modelIsReady();
    await submit();
    await stalledBy("NetworkPolicyMissing");
    expect(await stage.agent()).toBeUndefined();
    expect(await podsHere()).toEqual([]);
    await confineTenant(stage.world.admin, stage.namespace);
    await askAgain(missions, "fix-bug");
    await missionIs("Complete");
  });

  it("gets no further attempt", async () => {
    operate();
    await modelIsReady();
    await submit();
    await stage.kubelet.pod("fix-bug-coder-1");
    await stage.kubelet.report("fix-bug-coder-1", runningStatus());
    await removePolicy("enchanted-confined");
    await stage.kubelet.report("fix-bug-coder-1", endedStatus({ exitCode: 1 }));
    await stalledBy("NetworkPolicyMissing");
    expect(await podsHere()).not.toContain("fix-bug-coder-2");
    await confineTenant(stage.world.admin, stage.namespace);
    await askAgain(agents, "fix-bug-coder");
    await stage.kubelet.pod("fix-bug-coder-2");
  });

  it("gets no verifier, also where it is another policy that lets its pods out", async () => {
    stage.kubelet.script(/-verify-/, verifierStatus({ exitCode: 0 }));
    operate();
    await modelIsReady();
    await submit({ successCriteria: [{ command: "npm test" }] });
    await stage.kubelet.pod("fix-bug-coder-1");
    await stage.world.admin.create(networkPolicies, {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { namespace: stage.namespace, name: "dns-for-all" },
      spec: { podSelector: {}, policyTypes: ["Egress"], egress: [{ ports: [{ protocol: "UDP", port: 53 }] }] },
    });
    for (const status of wholeLife()) await stage.kubelet.report("fix-bug-coder-1", status);
    await stalledBy("NetworkPolicyConflict");
    expect(await podsHere()).not.toContain("fix-bug-verify-1");
    await removePolicy("dns-for-all");
    await askAgain(missions, "fix-bug");
    await missionIs("Complete");
  });
});

describe("a pod that somebody made beforehand under the name of the next attempt", () => {
  it("is not taken for the Agent's where it has the Agent's UID from an owner of another kind", async () => {
    operate();
    await modelIsReady();
    await submit();
    await stage.kubelet.pod("fix-bug-coder-1");
    await stage.kubelet.report("fix-bug-coder-1", runningStatus());
    const uid = (await stage.agent())?.metadata.uid ?? "";
    const forged = await stage.world.admin.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        namespace: stage.namespace,
        name: "fix-bug-coder-2",
        labels: { "swarm.enchanted.dev/mission": "fix-bug" },
        ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "any", uid, controller: true }],
        // So that the garbage collector, which misses the ConfigMap, does not take it before the operator meets it.
        finalizers: ["example.org/stay"],
      },
      spec: { containers: [{ name: "agent", image: "evil.example.org/agent" }] },
    });
    await stage.kubelet.report("fix-bug-coder-1", endedStatus({ exitCode: 1 }));
    await stalledBy("NameTaken");
    expect((await stage.agent())?.status).toMatchObject({ attempt: 2 });
    expect((await stage.agent())?.status?.podUID).toBeUndefined();
    const { resourceVersion } = (await stage.world.admin.get(pods, forged.metadata)).metadata;
    await stage.world.admin.patch(pods, { ...forged.metadata, resourceVersion }, { metadata: { finalizers: null } });
    await eventually("the operator's own is made", async () => {
      const found = await stage.world.admin.find(pods, forged.metadata);
      return found !== undefined && found.metadata.uid !== forged.metadata.uid;
    });
  });
});
