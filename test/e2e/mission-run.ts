import { waitFor } from "#platform/process/wait.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isTrue } from "#nervous-system/schemas/conditions.ts";
import type { Kube } from "#test/e2e/kube.ts";

/** Namespace of the chart on the embedded platform. */
export const releaseNamespace = "enchanted-system";
/** Namespace that the tests run missions in; one of the chart's tenants there. */
export const tenant = "default";

/** How a test's mission differs from the sample. */
type MissionChange = {
  /** Scenario that its model plays. */
  scenario: string;
  repo?: string;
  ref?: string;
  secretRef?: { name: string };
  maxAttempts?: number;
  successCriteria?: Array<{ command: string }>;
  /** Program and image of its agent. */
  member?: Partial<Pick<Mission["spec"]["team"][number], "runtime" | "image" | "personaRef">>;
};

type Created = { name: string; uid: string };

/** Missions of the sample kind, made and watched through kubectl. */
export type MissionRunner = {
  start(name: string, change: MissionChange): Promise<Created>;
  get(name: string): Promise<Mission | undefined>;
  agentOf(name: string): Promise<Agent | undefined>;
  /** Waits until the mission is Complete or Failed, or `until` holds. */
  finished(name: string, timeoutMs?: number): Promise<Mission>;
  reached(name: string, what: string, until: (mission: Mission, agent: Agent | undefined) => boolean): Promise<Mission>;
  remove(name: string): Promise<void>;
};

const modelOf = (name: string, namespace: string, scenario: string, sample: { spec: object }): object => ({
  apiVersion: "swarm.enchanted.dev/v1alpha1",
  kind: "Model",
  metadata: { name, namespace },
  spec: { ...sample.spec, model: `scenario/${scenario}` },
});

const missionOf = (name: string, namespace: string, change: MissionChange, sample: Mission): object => ({
  apiVersion: sample.apiVersion,
  kind: "Mission",
  metadata: { name, namespace },
  spec: {
    ...sample.spec,
    workspace: {
      repo: change.repo ?? sample.spec.workspace.repo,
      ref: change.ref ?? sample.spec.workspace.ref,
      secretRef: change.secretRef ?? sample.spec.workspace.secretRef,
    },
    successCriteria: change.successCriteria ?? sample.spec.successCriteria,
    retry: { maxAttempts: change.maxAttempts ?? 3 },
    team: [{ name: "coder", role: "Coder", modelRef: { name }, ...change.member }],
  },
});

const ended = (mission: Mission): boolean =>
  isTrue(mission.status?.conditions, "Complete") || isTrue(mission.status?.conditions, "Failed");

/** Where missions run, and how often they are looked at. */
type Place = { namespace?: string; intervalMs?: number };

/** Runs missions that differ from `sample` (the sample mission as the API server would take it). */
export const createMissionRunner = (
  kube: Kube,
  sample: Mission,
  { namespace = tenant, intervalMs = 250 }: Place = {},
): MissionRunner => {
  const get = (name: string): Promise<Mission | undefined> => kube.get<Mission>("mission", name, namespace);
  const agentOf = (name: string): Promise<Agent | undefined> => kube.get<Agent>("agent", `${name}-coder`, namespace);
  const reached: MissionRunner["reached"] = (name, what, until) =>
    waitFor(
      `mission ${name}: ${what}`,
      async () => {
        const mission = await get(name);
        return mission && until(mission, await agentOf(name)) ? mission : undefined;
      },
      { timeoutMs: 180_000, intervalMs },
    );
  return {
    get,
    agentOf,
    reached,
    start: async (name, change) => {
      const base = await kube.get<{ spec: object }>("model", "scenario", tenant);
      if (!base) throw new Error("the sample Model is missing: was the platform seeded?");
      await kube.apply(modelOf(name, namespace, change.scenario, base));
      await kube.apply(missionOf(name, namespace, change, sample));
      const made = await get(name);
      if (!made) throw new Error(`mission ${name} was not made`);
      return { name, uid: made.metadata.uid };
    },
    finished: (name, timeoutMs = 180_000) =>
      waitFor(
        `the end of mission ${name}`,
        async () => {
          const mission = await get(name);
          return mission && ended(mission) ? mission : undefined;
        },
        { timeoutMs, intervalMs },
      ),
    remove: async (name) => {
      await kube.ok(["delete", "mission,model", name, "-n", namespace, "--ignore-not-found", "--timeout=120s"]);
    },
  };
};
