import { describe, expect, it, jest } from "@jest/globals";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, interventions, missions, models, type Intervention } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import type { InterventionKind } from "#nervous-system/schemas/resources/intervention.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";
import { kstatusOf } from "#test/builders/kstatus.ts";
import { runningStatus } from "#test/builders/pod-status.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";

jest.setTimeout(120_000);

const stage = missionStage();
const { agent, missionIs, modelIsReady, operate, submit } = stage;

type Ours = KubeObject & { status?: { observedGeneration?: number; conditions?: Condition[] } };
const kinds = [missions, agents, models, interventions] as ReadonlyArray<ResourceKind<Ours>>;

/** Everything that was written of our objects in the namespace, version by version. */
const watchVersions = async (): Promise<{ seen: Ours[]; stop(): Promise<void> }> => {
  const { admin } = stage.world;
  const { namespace } = stage;
  const seen: Ours[] = [];
  const stopping = new AbortController();
  const watches = kinds.map(async (kind) => {
    const { resourceVersion } = await admin.list(kind, { namespace });
    const request = { namespace, resourceVersion, timeoutSeconds: 300, graceMs: 1_000 };
    const onEvent = (event: { type: string; object: unknown }): void => {
      if (event.type === "ADDED" || event.type === "MODIFIED") seen.push(event.object as Ours);
    };
    return { watch: admin.watch(kind, { ...request, onEvent, signal: stopping.signal }).catch(() => undefined) };
  });
  const started = await Promise.all(watches);
  return {
    seen,
    stop: async () => {
      stopping.abort(new Error("the test is over"));
      await Promise.all(started.map(({ watch }) => watch));
    },
  };
};

const ask = (kind: InterventionKind): Promise<Intervention> =>
  stage.world.admin.create(interventions, {
    apiVersion: groupVersion,
    kind: "Intervention",
    metadata: { namespace: stage.namespace, name: kind.toLowerCase() },
    spec: { missionRef: { name: "fix-bug" }, kind, requestedBy: "ann" },
  });

const healthOf = async (): Promise<Record<string, string>> => {
  const found = await Promise.all(kinds.map((kind) => stage.world.admin.list(kind, { namespace: stage.namespace })));
  return Object.fromEntries(
    found.flatMap(({ items }) => items.map((item) => [`${item.kind}/${item.metadata.name}`, kstatusOf(item)])),
  );
};

const becomesHealth = (expected: Record<string, string>): Promise<void> =>
  eventually(`all objects are ${JSON.stringify(expected)}`, async () => {
    const health = await healthOf();
    return Object.entries(expected).every(([name, status]) => health[name] === status);
  });

describe("what kstatus takes our objects for", () => {
  it("is never done before it was looked at, and Current at the end of a mission that is complete", async () => {
    const versions = await watchVersions();
    stage.kubelet.script(/-1$/, ...wholeLife());
    operate();
    await modelIsReady();
    await submit();
    await missionIs("Complete");
    await becomesHealth({
      "Mission/fix-bug": "Current",
      "Agent/fix-bug-coder": "Current",
      "Model/scripted": "Current",
    });
    await versions.stop();
    const early = versions.seen.filter(({ status }) => findCondition(status?.conditions, "Ready") === undefined);
    expect(early.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["Mission", "Agent"]));
    expect(early.map(kstatusOf)).toEqual(early.map(() => "InProgress"));
  });

  it("is Failed for all of a mission that is paused and cancelled then, its agent's pause notwithstanding", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    operate();
    await modelIsReady();
    await submit();
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    await ask("Pause");
    await missionIs("Suspended");
    await becomesHealth({ "Mission/fix-bug": "InProgress", "Agent/fix-bug-coder": "InProgress" });
    await ask("Cancel");
    await becomesHealth({
      "Mission/fix-bug": "Failed",
      "Agent/fix-bug-coder": "Failed",
      "Intervention/pause": "Current",
      "Intervention/cancel": "Current",
    });
    expect(findCondition((await agent())?.status?.conditions, "Stalled")).toMatchObject({ reason: "Cancelled" });
  });
});
