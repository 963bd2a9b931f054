import { describe, expect, it, jest } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { isConflict } from "#nervous-system/kubernetes/errors.ts";
import { namespaces, pods } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import { annotation } from "#nervous-system/schemas/names.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import type { MissionSpecInput } from "#nervous-system/schemas/resources/mission.ts";
import { renderAgent } from "#operator/mission/render-agent.ts";
import { renderVerifierPod } from "#operator/mission/render-verifier.ts";
import {
  uninstall,
  uninstallClusterAccess,
  uninstallReleaseAccess,
  uninstallTenantAccess,
} from "#operator/uninstall/uninstall.ts";
import { run } from "#platform/process/run.ts";
import { aMissionSpec } from "#test/builders/mission.ts";
import { aPodConfig } from "#test/builders/pod-config.ts";
import { endedStatus, runningStatus, someCommit } from "#test/builders/pod-status.ts";
import { clientWithAccess } from "#test/integration/gateway/swarm-plane.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";
import { dropLease, releaseNamespace } from "#test/integration/operator/world.ts";

jest.setTimeout(240_000);

const stage = missionStage();
const { agent, mission, missionIs, modelIsReady, operate, patchMission, submit } = stage;

const kindOf = (group: string, plural: string, kind: string, namespaced = true): ResourceKind => ({
  group,
  version: "v1",
  plural,
  kind,
  namespaced,
});
const quotas = kindOf("", "resourcequotas", "ResourceQuota");
const limitRanges = kindOf("", "limitranges", "LimitRange");
const runtimeClasses = kindOf("node.k8s.io", "runtimeclasses", "RuntimeClass", false);
const priorityClasses = kindOf("scheduling.k8s.io", "priorityclasses", "PriorityClass", false);

const create = (kind: ResourceKind, name: string, rest: object): Promise<KubeObject> =>
  stage.world.admin.create(kind, {
    apiVersion: kind.group === "" ? "v1" : `${kind.group}/v1`,
    kind: kind.kind,
    metadata: { name, ...(kind.namespaced ? { namespace: stage.namespace } : {}) },
    ...rest,
  });

const change = async (kind: ResourceKind, name: string, patch: object): Promise<void> => {
  const { metadata } = await stage.world.admin.get(kind, { namespace: stage.namespace, name });
  await stage.world.admin.patch(kind, { ...metadata, namespace: stage.namespace }, { ...patch });
};

const stalledBy = async (reason: string): Promise<string> => {
  const told = async () => findCondition((await mission())?.status?.conditions, "Stalled");
  await eventually(`the mission is stalled by ${reason}`, async () => (await told())?.reason === reason);
  return (await told())?.message ?? "";
};

let looks = 0;

/** Has the agent looked at until its pod is there: by itself it is tried again twice a minute. */
const podIsMade = (): Promise<void> =>
  eventually("the pod is made", async () => {
    const { metadata } = (await agent())!;
    const again = { metadata: { annotations: { [annotation.requestedAt]: String((looks += 1)) } } };
    // The operator writes it, too.
    await stage.world.admin.patch(agents, metadata, again).catch((error: unknown) => {
      if (!isConflict(error)) throw error;
    });
    return stage.kubelet.seen().length > 0;
  });

describe("a ResourceQuota without room", () => {
  it("is told by name, place, figures and remedy, and the mission goes on once there is some", async () => {
    await create(quotas, "team", { spec: { hard: { pods: "0" } } });
    await eventually("the quota is counted", async () => {
      const { status } = (await stage.world.admin.get(quotas, { namespace: stage.namespace, name: "team" })) as {
        status?: { hard?: object };
      };
      return status?.hard !== undefined;
    });
    stage.kubelet.script(/-1$/, ...wholeLife());
    operate();
    await modelIsReady();
    await submit();
    const message = await stalledBy("QuotaExceeded");
    expect(message).toContain(
      `ResourceQuota "team" of namespace "${stage.namespace}" has no room for the Pod (requested: pods=1, used: pods=0, limited: pods=0): raise it, or let others end`,
    );
    await change(quotas, "team", { spec: { hard: { pods: "1" } } });
    await podIsMade();
    await missionIs("Complete");
  });
});

describe("a LimitRange", () => {
  it("gives our containers nothing, which name what they use, and one that refuses them is told with what helps", async () => {
    const limit = { type: "Container", default: { memory: "3Gi", "ephemeral-storage": "7Gi" } };
    await create(limitRanges, "team", { spec: { limits: [{ ...limit, max: { cpu: "500m" } }] } });
    stage.kubelet.script(/-1$/, ...wholeLife());
    operate();
    await modelIsReady();
    await submit();
    const message = await stalledBy("PodRejected");
    expect(message).toContain("maximum cpu usage per Container is 500m");
    expect(message).toContain(`Change the LimitRange of namespace "${stage.namespace}", or what agents may use`);
    await change(limitRanges, "team", { spec: { limits: [limit] } });
    await podIsMade();
    const { spec } = await stage.kubelet.pod("fix-bug-coder-1");
    const used = (spec?.containers ?? []).map(({ resources }) => resources?.limits);
    expect(used).toEqual([{ ...aPodConfig().agentResources.limits, "ephemeral-storage": "7Gi" }]);
    await missionIs("Complete");
  });
});

const template = (name: string): MissionSpecInput["template"] => ({
  disruption: "Avoid",
  pod: {
    resources: { limits: { cpu: "3", memory: "5Gi" }, requests: { memory: "1Gi" } },
    nodeSelector: { "example.org/pool": "agents" },
    tolerations: [{ key: "example.org/agents", operator: "Exists", effect: "NoSchedule" }],
    runtimeClassName: name,
    priorityClassName: name,
    imagePullSecrets: [{ name: "registry" }],
  },
});

describe("a namespace of Pod Security restricted", () => {
  it("takes the pods of agents and verifiers, made with what the mission's template says", async () => {
    const { admin } = stage.world;
    const { metadata } = await admin.get(namespaces, { name: stage.namespace });
    const restricted = { "pod-security.kubernetes.io/enforce": "restricted" };
    await admin.patch(namespaces, metadata, { metadata: { labels: restricted } });
    await create(runtimeClasses, stage.namespace, { handler: "sandbox" });
    await create(priorityClasses, stage.namespace, { value: 7 });
    stage.kubelet.script(/-1$/, ...wholeLife());
    operate();
    await modelIsReady();
    const submitted = await submit({
      template: template(stage.namespace),
      successCriteria: [{ command: "true" }, { command: "npm test" }],
    });
    const asked = submitted.spec.template?.pod;
    const placed = {
      nodeSelector: asked?.nodeSelector,
      tolerations: expect.arrayContaining([asked?.tolerations?.[0]]),
      runtimeClassName: stage.namespace,
      priorityClassName: stage.namespace,
      priority: 7,
      imagePullSecrets: [{ name: "registry" }],
    };
    const resources = { limits: { cpu: "3", memory: "5Gi" }, requests: { cpu: "3", memory: "1Gi" } };
    const pod = await stage.kubelet.pod("fix-bug-coder-1");
    expect(pod.spec).toMatchObject({ ...placed, containers: [{ name: "agent", resources }] });
    expect(pod.metadata.annotations).toMatchObject({
      "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
      "karpenter.sh/do-not-disrupt": "true",
    });
    const verifier = { mission: submitted, attempt: 9, ref: "main", commit: someCommit, gateway: "10.0.0.2" };
    const made = await admin.create(pods, renderVerifierPod(aPodConfig(), verifier), { dryRun: true });
    expect(made.spec).toMatchObject({ ...placed, containers: [{ name: "criterion-2", resources }] });
  });
});

describe("the template of a mission's pods", () => {
  const limits = { cpu: "1", memory: "1Gi" };
  it.each([
    ["a quantity that is none", { resources: { limits: { ...limits, cpu: "lots" } } }, "write a quantity above zero"],
    ["no memory at all", { resources: { limits: { ...limits, memory: "0" } } }, "write a quantity above zero"],
    ["a limit left out", { resources: { limits: { cpu: "1" } } }, "limits.memory: Required value"],
    [
      "requests over limits",
      { resources: { limits, requests: { memory: "2Gi" } } },
      "requests.memory is more than limits.memory",
    ],
    ["any taint, of a value", { tolerations: [{ value: "x" }] }, "a toleration without a key needs operator Exists"],
    [
      "any value, and one",
      { tolerations: [{ key: "a", operator: "Exists", value: "x" }] },
      "operator Exists takes no value",
    ],
    ["seconds of another effect", { tolerations: [{ key: "a", tolerationSeconds: 5 }] }, "needs effect NoExecute"],
    ["a label's value that is none", { nodeSelector: { pool: "a b" } }, "spec.template.pod.nodeSelector.pool"],
  ])("is refused in words: %s", async (_, pod, words) => {
    await expect(submit({ template: { pod } } as never)).rejects.toThrow(words);
  });

  it("stays as it is once the mission is there", async () => {
    await submit({ template: template("any") });
    await expect(patchMission({ spec: { template: { disruption: "Allow" } } })).rejects.toThrow(
      "template is immutable",
    );
  });
});

const missionIsIn = (name: string, phase: string): Promise<void> =>
  eventually(`${name} is ${phase}`, async () => {
    const found = await stage.world.admin.find(missions, { namespace: stage.namespace, name });
    return found?.status?.phase === phase;
  });

const submitAs = (name: string, spec: Partial<MissionSpecInput> = {}) =>
  stage.world.admin.create(missions, {
    apiVersion: groupVersion,
    kind: "Mission",
    metadata: { namespace: stage.namespace, name },
    spec: aMissionSpec(spec) as never,
  });

/** One mission in each phase that lasts, the pod of one without a node among them. */
const missionsInEachPhase = async (): Promise<void> => {
  const { kubelet } = stage;
  for (const name of ["running", "held"]) kubelet.script(new RegExp(`^${name}-coder-1$`), runningStatus());
  for (const name of ["complete", "verifying"]) kubelet.script(new RegExp(`^${name}-coder-1$`), ...wholeLife());
  kubelet.script(/^failed-coder-1$/, endedStatus({ exitCode: 2 }));
  await submitAs("pending", { team: [{ name: "coder", role: "Coder", modelRef: { name: "none" } }] });
  for (const name of ["unscheduled", "running", "held", "complete", "failed"]) await submitAs(name);
  await submitAs("verifying", { successCriteria: [{ command: "true" }] });
  await eventually("the pod to be held runs", () => kubelet.seen().includes("held-coder-1"));
  await change(missions, "held", { spec: { suspend: true } });
  const phases = { pending: "Pending", held: "Suspended", complete: "Complete", failed: "Failed", running: "Running" };
  for (const [name, phase] of Object.entries({ ...phases, verifying: "Verifying" })) await missionIsIn(name, phase);
  await kubelet.pod("unscheduled-coder-1");
};

const deleteNamespace = async (): Promise<void> => {
  const { admin } = stage.world;
  await admin.delete(namespaces, (await admin.get(namespaces, { name: stage.namespace })).metadata);
};

const namespaceIsGone = (): Promise<void> =>
  eventually(
    "the namespace is gone",
    async () => (await stage.world.admin.find(namespaces, { name: stage.namespace })) === undefined,
    // Agents are let go 90 s after their deletion at the latest, where the namespace's Role went before them.
    150_000,
  );

/** The custom resources as they were on 2026-11-30, at commit e606217d, without their descriptions. */
const formerCrds = "test/golden/upgrade/crds.json";

const kubectl = (...args: string[]): Promise<string> => {
  const { kubectl: program, kubeconfigPath } = stage.world.test.plane;
  return run([program, `--kubeconfig=${kubeconfigPath}`, ...args]);
};

const told = (type: string, reason: string) => ({
  type,
  status: "True",
  reason,
  message: "As it was told then.",
  lastTransitionTime: "2026-11-30T10:00:00Z",
  observedGeneration: 1,
});

/** Missions as the release before left them: one that nobody looked at, one at work, and one that is complete. */
const formerMissions = async (): Promise<void> => {
  const { admin } = stage.world;
  await submitAs("new");
  const startTime = "2026-11-30T09:00:00Z";
  const atWork = await submitAs("at-work", {
    workspace: {
      repo: "https://forge.example.org/team/calculator.git",
      policy: { deniedPaths: ["ci/**"] },
      publish: {},
    },
    budget: { maxFrames: 500 },
    recording: { redact: [{ name: "ticket", pattern: "T-[0-9]+" }] },
    egress: { allowHosts: ["registry.example.org"] },
    retry: { maxAttempts: 2 },
  });
  const conditions = [told("Accepted", "Admitted"), told("Ready", "Working"), told("ResolvedRefs", "Resolved")];
  await admin.patchStatus(missions, atWork.metadata, {
    observedGeneration: 1,
    phase: "Running",
    startTime,
    conditions,
  });
  const coder = await admin.create(
    agents,
    renderAgent({ mission: atWork, member: "coder", personas: new Map(), image: aPodConfig().agentImage }),
  );
  await admin.patchStatus(agents, coder.metadata, { observedGeneration: 1, attempt: 1, podName: "at-work-coder-1" });
  const complete = await submitAs("complete");
  const ended = [told("Complete", "AgentsFinished"), told("Ready", "AgentsFinished")];
  await admin.patchStatus(missions, complete.metadata, {
    observedGeneration: 1,
    phase: "Complete",
    startTime,
    completionTime: "2026-11-30T10:00:00Z",
    outcome: { reason: "AgentsFinished", message: "As it was told then." },
    conditions: ended,
  });
};

const objectsNow = async (): Promise<Map<string, KubeObject & { spec: object }>> => {
  const { namespace } = stage;
  const lists = await Promise.all(
    [missions, agents].map((kind) => stage.world.admin.list<KubeObject>(kind, { namespace })),
  );
  const items = lists.flatMap(({ items: found }) => found) as Array<KubeObject & { spec: object }>;
  return new Map(items.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
};

describe("objects of a release before", () => {
  it("are valid, go on, and keep the spec that they had", async () => {
    await kubectl("apply", "-f", formerCrds);
    const draft = { apiVersion: groupVersion, kind: "Mission", metadata: { namespace: stage.namespace, name: "try" } };
    const spec = aMissionSpec({ template: {} }) as never;
    await eventually("the former resources are in force", async () => {
      const stored = await stage.world.admin.create(missions, { ...draft, spec }, { dryRun: true });
      return stored.spec.template === undefined;
    });
    await formerMissions();
    const before = await objectsNow();
    await kubectl("apply", "-f", "crds");
    stage.kubelet.script(/-1$/, ...wholeLife());
    operate();
    for (const name of ["new", "at-work", "complete"]) await missionIsIn(name, "Complete");
    const after = await objectsNow();
    for (const [name, { metadata, spec: had }] of before) {
      // What has come since has its default.
      expect(after.get(name)).toMatchObject({ spec: had, metadata: { generation: 1 } });
      const labelled = { metadata: { labels: { "example.org/team": "a" } } };
      const kind = name.startsWith("Mission") ? missions : agents;
      await stage.world.admin.patch<KubeObject>(kind, { ...metadata, ...after.get(name)!.metadata }, labelled);
    }
    expect(after.get("Mission/complete")).toMatchObject({ status: { outcome: { message: "As it was told then." } } });
  });
});

describe("a namespace with missions in each phase that is deleted", () => {
  it("goes while the operator is there", async () => {
    operate();
    await modelIsReady();
    await missionsInEachPhase();
    await deleteNamespace();
    await namespaceIsGone();
  });

  it("goes once the operator is there again", async () => {
    operate();
    await modelIsReady();
    await missionsInEachPhase();
    await stage.stopOperators();
    await dropLease(stage.world.admin);
    await deleteNamespace();
    operate();
    await namespaceIsGone();
  });

  it("goes by what helm uninstall does, where there is no operator any more", async () => {
    operate();
    await modelIsReady();
    await missionsInEachPhase();
    await stage.stopOperators();
    const { client, close } = await clientWithAccess(stage.world.test, `uninstall-${stage.namespace}`, {
      cluster: uninstallClusterAccess,
      tenant: uninstallTenantAccess,
      namespace: stage.namespace,
      release: { access: uninstallReleaseAccess, namespace: releaseNamespace },
    });
    await deleteNamespace();
    await uninstall({
      client,
      clock: systemClock(),
      log: silentLog,
      releaseNamespace,
      tenants: [stage.namespace],
      drainMs: 1_000,
    });
    close();
    await namespaceIsGone();
  });
});
