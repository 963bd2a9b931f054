import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, jest } from "@jest/globals";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import {
  agents,
  interventions,
  missions,
  models,
  personas,
  type Intervention,
} from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { resources } from "#nervous-system/schemas/resources/catalog.ts";
import type { InterventionKind } from "#nervous-system/schemas/resources/intervention.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";
import { tryRun, type RunResult } from "#platform/process/run.ts";
import { kstatusOf } from "#test/builders/kstatus.ts";
import { aMissionSpec } from "#test/builders/mission.ts";
import { aModelSpec } from "#test/builders/model.ts";
import { runningStatus } from "#test/builders/pod-status.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";

jest.setTimeout(120_000);

const stage = missionStage();
const { agent, mission, missionIs, modelIsReady, operate, submit } = stage;

type Ours = KubeObject & { status?: { observedGeneration?: number; conditions?: Condition[] } };
const kinds = [missions, agents, models, personas, interventions] as ReadonlyArray<ResourceKind<Ours>>;

const kubectl = (input: string, ...args: string[]): Promise<RunResult> => {
  const { kubectl: program, kubeconfigPath } = stage.world.test.plane;
  return tryRun([program, `--kubeconfig=${kubeconfigPath}`, ...args], { input });
};

const asGitOps = ["--server-side", "--field-manager=gitops", "-f", "-"];

const applies = async (manifests: string): Promise<void> =>
  expect(await kubectl(manifests, "apply", ...asGitOps)).toMatchObject({ code: 0, stderr: "" });

const isWithoutDrift = async (manifests: string): Promise<void> =>
  expect(await kubectl(manifests, "diff", ...asGitOps)).toEqual({ code: 0, stdout: "", stderr: "" });

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
    await eventually("no agent is at work", async () => (await mission())?.status?.activeAgents === 0);
  });
});

/** The samples of ours, in the namespace of the test. */
const samples = async (): Promise<string> => {
  const files = (await readdir("manifests/samples")).filter((file) => file.endsWith(".yaml"));
  const texts = await Promise.all(files.map((file) => readFile(join("manifests/samples", file), "utf8")));
  return texts.join("\n---\n").replaceAll("namespace: default", `namespace: ${stage.namespace}`);
};

type Manifest = { kind: string; metadata: { name: string } };
const objectsOf = (text: string): Manifest[] => parseAllDocuments(text).map((doc) => doc.toJS() as Manifest);

const isLookedAt = async (name: string): Promise<void> =>
  eventually(`${name} was looked at`, async () => {
    const found = await Promise.all(kinds.map((kind) => stage.world.admin.list(kind, { namespace: stage.namespace })));
    const object = found.flatMap(({ items }) => items).find((item) => `${item.kind}/${item.metadata.name}` === name);
    return object?.status?.observedGeneration === object?.metadata.generation && object !== undefined;
  });

/** The smallest spec in which each part that has a default is there: parts that may be left out are empty. */
const sparseMission = (): object => ({
  ...aMissionSpec({ budget: { maxFrames: 5 } }),
  workspace: { repo: "https://forge.example.org/team/calculator.git", policy: {}, publish: {} },
  team: [{ name: "coder", role: "Coder", modelRef: { name: "scripted" }, runtime: {} }],
  template: { pod: { tolerations: [{ key: "example.org/agents" }] } },
  approvals: { require: ["PullRequest"] },
  retry: {},
  stuck: {},
  recording: {},
  egress: {},
});

const sparse = (): object[] => {
  const metadata = { namespace: stage.namespace, name: "sparse" };
  return [
    { apiVersion: groupVersion, kind: "Mission", metadata, spec: sparseMission() },
    { apiVersion: groupVersion, kind: "Model", metadata, spec: { ...aModelSpec(), apiKeySecretRef: { name: "key" } } },
  ];
};

type Schema = { default?: unknown; properties?: Record<string, Schema>; items?: Schema };

/** Paths of the fields with a default; a list is looked at by its first item. */
const defaulted = (schema: Schema, path: readonly string[] = []): string[][] => [
  ...(schema.default === undefined ? [] : [[...path]]),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) => defaulted(child, [...path, name])),
  ...(schema.items === undefined ? [] : defaulted(schema.items, [...path, "0"])),
];

const crdOf = async (plural: string): Promise<{ spec: { versions: Array<{ schema: { openAPIV3Schema: Schema } }> } }> =>
  parse(await readFile(join("crds", `${plural}.yaml`), "utf8")) as never;

const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((found, name) => (found as Record<string, unknown> | undefined)?.[name], value);

describe("a GitOps tool that applies by server-side apply", () => {
  it("finds no difference in any sample, neither before nor after the operator looked at them", async () => {
    const text = await samples();
    const objects = objectsOf(text);
    // Agents are the operator's to write.
    const written = resources.map(({ kind }) => kind).filter((kind) => kind !== "Agent");
    expect(objects.map(({ kind }) => kind)).toEqual(expect.arrayContaining([...written, "Secret"]));
    await applies(text);
    await isWithoutDrift(text);
    operate();
    for (const { kind, metadata } of objects) if (written.includes(kind)) await isLookedAt(`${kind}/${metadata.name}`);
    await isWithoutDrift(text);
    await applies(text);
  });

  it("finds none where it leaves out whatever has a default", async () => {
    const text = sparse()
      .map((object) => stringify(object))
      .join("---\n");
    await applies(text);
    await isWithoutDrift(text);
    for (const kind of [missions, models] as ReadonlyArray<ResourceKind<Ours>>) {
      const live = await stage.world.admin.get(kind, { namespace: stage.namespace, name: "sparse" });
      const [version] = (await crdOf(kind.plural)).spec.versions;
      const left = defaulted(version!.schema.openAPIV3Schema).filter((path) => at(live, path) === undefined);
      expect(left).toEqual([]);
    }
    operate();
    await isLookedAt("Mission/sparse");
    await isLookedAt("Model/sparse");
    await isWithoutDrift(text);
  });
});
