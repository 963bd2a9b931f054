import { createServer, type Server } from "node:https";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { events, pods } from "#nervous-system/kubernetes/kinds.ts";
import { controllerReference, type ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { label, observeFinalizer } from "#nervous-system/schemas/names.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { createOwned } from "#operator/runtime/create-owned.ts";
import {
  endedStatus,
  lingeringStatus,
  lostStatus,
  runningStatus,
  unschedulableStatus,
  unstartedStatus,
  verifierStatus,
  waitingStatus,
} from "#test/builders/pod-status.ts";
import { serverCertificate, type ServerCertificate } from "#test/builders/server-certificate.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";

jest.setTimeout(120_000);

const stage = missionStage();
const { agent, eventsOf, mission, missionIs, modelIsReady, operate, submit } = stage;

const stalledBy = async (reason: string): Promise<string> => {
  const told = async () => findCondition((await mission())?.status?.conditions, "Stalled");
  await eventually(`the mission is stalled by ${reason}`, async () => (await told())?.reason === reason);
  expect(findCondition((await mission())?.status?.conditions, "Ready")).toMatchObject({ status: "False", reason });
  return (await told())?.message ?? "";
};

const admissionKind = (plural: string, kind: string): ResourceKind => ({
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural,
  kind,
  namespaced: false,
});

/** Puts a rule of admission in force for the stage's namespace only. */
const admit = async (plural: string, kind: string, rest: object): Promise<void> => {
  await stage.world.admin.create(admissionKind(plural, kind), {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
    metadata: { name: stage.namespace },
    ...rest,
  });
};

describe("a pod that another's container keeps alive", () => {
  it("has ended with its agent", async () => {
    stage.kubelet.script(/-1$/, runningStatus(), lingeringStatus(0));
    operate();
    await submit();
    await missionIs("Complete");
    expect((await agent())?.status).toMatchObject({ phase: "Succeeded", failures: 0, disruptions: 0, attempt: 1 });
    expect(findCondition((await agent())?.status?.conditions, "Recording")?.reason).toBe("RecordComplete");
  });

  it("has failed with its agent", async () => {
    stage.kubelet.script(/-1$/, lingeringStatus(1));
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await submit();
    await missionIs("Complete");
    expect((await agent())?.status).toMatchObject({ failures: 1, disruptions: 0, attempt: 2 });
  });

  it("has ended with its criteria", async () => {
    const { containerStatuses = [], ...verified } = verifierStatus({ exitCode: 0 });
    const proxy = lingeringStatus(0).containerStatuses![1]!;
    stage.kubelet.script(/-coder-1$/, ...wholeLife());
    stage.kubelet.script(/-verify-1$/, {
      ...verified,
      phase: "Running",
      containerStatuses: [...containerStatuses, proxy],
    });
    operate();
    await submit({ successCriteria: [{ command: "npm test" }] });
    await missionIs("Complete");
    expect((await mission())?.status?.verification).toMatchObject({ attempt: 1, exitCode: 0 });
  });
});

describe("a node that restarts", () => {
  it("uses up no attempt", async () => {
    stage.kubelet.script(/-[12]$/, lostStatus("Unknown", 255));
    stage.kubelet.script(/-3$/, ...wholeLife());
    operate();
    await submit({ retry: { maxAttempts: 1 } });
    await missionIs("Complete");
    expect((await agent())?.status).toMatchObject({ failures: 0, disruptions: 2, attempt: 3 });
  });
});

describe("a mission whose agent cannot start says so", () => {
  it.each([
    ["ImagePullFailed", waitingStatus("ImagePullBackOff", "no such image"), "no such image"],
    ["PodUnschedulable", unschedulableStatus("0/1 nodes are available"), "0/1 nodes"],
    ["PodRejected", waitingStatus("CreateContainerConfigError", 'configmap "mesh" not found'), "mesh"],
  ])("by %s", async (reason, status, said) => {
    stage.kubelet.script(/-1$/, status);
    operate();
    await modelIsReady();
    await submit();
    expect(await stalledBy(reason)).toContain(said);
    await stage.stopOperators();
    expect(await stage.eventsOf("Mission")).toEqual(["Admitted", reason]);
  });

  it("by the name of a Secret that only its node knows to be missing, and goes on once it is there", async () => {
    const clock = systemClock();
    operate({ clock: { ...clock, now: () => clock.now() + 60_000 } });
    await submit();
    const { metadata } = await stage.kubelet.pod("fix-bug-coder-1");
    const { name, namespace, uid } = metadata;
    const at = new Date().toISOString();
    // As a kubelet writes it: by the core API.
    await stage.world.admin.create({ ...events, group: "" }, {
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace, name: `${name}.mount` },
      involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name, uid },
      type: "Warning",
      reason: "FailedMount",
      message: 'MountVolume.SetUp failed for volume "git-secret" : secret "forge" not found',
      source: { component: "kubelet", host: "node-1" },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 3,
    } as never);
    await stage.kubelet.report(name, unstartedStatus());
    expect(await stalledBy("SecretNotFound")).toContain('Secret "forge" does not exist');
    await stage.kubelet.report(name, runningStatus());
    await stage.kubelet.report(name, endedStatus({ scribe: { lastSeq: 0, ackedSeq: 0 } }));
    await missionIs("Complete");
    expect((await agent())?.status).toMatchObject({ attempt: 1, failures: 0, disruptions: 0 });
  });

  it("by the policy that denies its pod", async () => {
    const rule = { apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] };
    const here = { matchLabels: { "kubernetes.io/metadata.name": stage.namespace } };
    await admit("validatingadmissionpolicies", "ValidatingAdmissionPolicy", {
      spec: {
        matchConstraints: { resourceRules: [rule], namespaceSelector: here },
        validations: [{ expression: "false", message: "no pods on a Friday" }],
      },
    });
    await admit("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", {
      spec: { policyName: stage.namespace, validationActions: ["Deny"] },
    });
    const probe = { apiVersion: "v1", kind: "Pod", metadata: { namespace: stage.namespace, name: "probe" } };
    const spec = { containers: [{ name: "c", image: "i" }] };
    await eventually("the policy is in force", () =>
      stage.world.admin.create(pods, { ...probe, spec }, { dryRun: true }).then(
        () => false,
        (error: Error) => error.message.includes("Friday"),
      ),
    );
    operate();
    await submit();
    expect(await stalledBy("PodRejected")).toContain("no pods on a Friday");
  });

  it("by the other owner of its pod's name", async () => {
    const spec = { containers: [{ name: "c", image: "i" }] };
    const metadata = { namespace: stage.namespace, name: "fix-bug-coder-1" };
    await stage.world.admin.create(pods, { apiVersion: "v1", kind: "Pod", metadata, spec });
    operate();
    await submit();
    expect(await stalledBy("NameTaken")).toContain("fix-bug-coder-1");
  });

  it("not by the pod that its predecessor left, which is told and waited for", async () => {
    const spec = { containers: [{ name: "agent", image: "i" }] };
    const owner = { apiVersion: groupVersion, kind: "Agent", name: "fix-bug-coder", uid: stableId("agent", "before") };
    const ownerReferences = [{ ...owner, controller: true, blockOwnerDeletion: true }];
    // The garbage collector takes it with its owner; this is what keeps it.
    const finalizers = ["test.enchanted.dev/drains"];
    const target = { namespace: stage.namespace, name: "fix-bug-coder-1" };
    const metadata = { ...target, ownerReferences, finalizers, labels: { [label.mission]: "fix-bug" } };
    const { uid } = (await stage.world.admin.create(pods, { apiVersion: "v1", kind: "Pod", metadata, spec })).metadata;
    operate();
    await submit();
    const ready = async () => findCondition((await agent())?.status?.conditions, "Ready");
    await eventually("the agent waits for it", async () => (await ready())?.reason === "Draining");
    expect((await ready())?.message).toMatch(/"fix-bug-coder-1" of the Agent "fix-bug-coder" that was here before/);
    expect(findCondition((await agent())?.status?.conditions, "Stalled")).toBeUndefined();
    const { resourceVersion } = (await stage.world.admin.get(pods, target)).metadata;
    await stage.world.admin.patch(pods, { ...target, uid, resourceVersion }, { metadata: { finalizers: null } });
    await eventually("it has a pod of its own", async () => (await agent())?.status?.podUID !== undefined);
    expect(await eventsOf("Agent")).not.toContain("NameTaken");
  });
});

describe("a mission whose agents are denied", () => {
  let server: Server;
  let certificate: ServerCertificate;
  const cleanups: Array<() => unknown> = [];
  beforeAll(async () => {
    certificate = await serverCertificate(cleanups);
    // A webhook names the code of its refusal itself.
    server = createServer(certificate, (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { request: asked } = JSON.parse(Buffer.concat(chunks).toString()) as { request: { uid: string } };
        const status = { code: 409, message: "one mission at a time" };
        response.setHeader("content-type", "application/json");
        response.end(
          JSON.stringify({
            apiVersion: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response: { uid: asked.uid, allowed: false, status },
          }),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    for (const cleanup of cleanups) await cleanup();
  });

  it.each([
    ["by a webhook's refusal", () => (server.address() as { port: number }).port, "one mission at a time"],
    ["by a webhook that does not answer", () => 1, "failed calling webhook"],
  ])("says so %s", async (_, port, said) => {
    const plural = agents.plural;
    await admit("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", {
      webhooks: [
        {
          name: "agents.policy.example.org",
          clientConfig: {
            url: `https://127.0.0.1:${port()}/judge`,
            caBundle: Buffer.from(certificate.ca).toString("base64"),
          },
          rules: [{ apiGroups: [agents.group], apiVersions: ["*"], resources: [plural], operations: ["CREATE"] }],
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": stage.namespace } },
          failurePolicy: "Fail",
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
          timeoutSeconds: 2,
        },
      ],
    });
    const spec = {
      missionRef: { name: "m" },
      role: "Coder",
      task: { id: "t", title: "t", text: "t" },
      modelRef: { name: "m" },
      image: `i@sha256:${"0".repeat(64)}`,
    };
    const metadata = { namespace: stage.namespace, name: "probe" };
    const probe = { apiVersion: "swarm.enchanted.dev/v1alpha1", kind: "Agent", metadata, spec };
    await eventually("the webhook is in force", () =>
      stage.world.admin.create(agents, probe as never, { dryRun: true }).then(
        () => false,
        (error: Error) => error.message.includes(said),
      ),
    );
    operate();
    await submit();
    expect(await stalledBy("AgentRejected")).toContain(said);
    expect((await mission())?.status).toMatchObject({ phase: "Pending" });
  });
});

describe("an own object that is being deleted", () => {
  it("is not taken for made, and made anew once it is gone", async () => {
    const owner = await submit();
    const { admin } = stage.world;
    const target = { namespace: stage.namespace, name: "own" };
    const ownerReferences = [controllerReference(owner)];
    const draft = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...target, ownerReferences, finalizers: [observeFinalizer] },
      spec: { containers: [{ name: "verify", image: "i" }] },
    } as never;
    const make = () => createOwned(admin, pods, draft);
    const { uid } = (await make()).metadata;
    expect((await make()).metadata.uid).toBe(uid);
    await admin.delete(pods, { ...target, uid });
    await expect(make()).rejects.toThrow("is being deleted");
    const { resourceVersion } = (await admin.get(pods, target)).metadata;
    await admin.patch(pods, { ...target, uid, resourceVersion }, { metadata: { finalizers: null } });
    await eventually("it is gone", async () => (await admin.find(pods, target)) === undefined);
    expect((await make()).metadata.uid).not.toBe(uid);
  });
});

describe("a GitOps tool", () => {
  it("never takes a mission for done that nobody has looked at", async () => {
    const created = await submit();
    expect((await mission())?.status).toEqual({ observedGeneration: -1 });
    expect(created.metadata.generation).toBe(1);
    operate({ check: () => Promise.resolve({ kind: "unavailable", message: "ECONNREFUSED" }) });
    await eventually("it is looked at", async () => (await mission())?.status?.observedGeneration === 1);
    expect(findCondition((await mission())?.status?.conditions, "Ready")?.status).toBe("False");
  });
});
