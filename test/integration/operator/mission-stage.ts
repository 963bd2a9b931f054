import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import { events } from "#nervous-system/kubernetes/kinds.ts";
import { agents, missions, models, type Agent, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isTrue, type ConditionType } from "#nervous-system/schemas/conditions.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import type { MissionSpecInput } from "#nervous-system/schemas/resources/mission.ts";
import { aMissionSpec } from "#test/builders/mission.ts";
import { aModelSpec } from "#test/builders/model.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { startKubelet, type Kubelet } from "#test/integration/operator/kubelet.ts";
import { runOperator, type TestOperator, type TestOperatorOptions } from "#test/integration/operator/run-operator.ts";
import { dropLease, startWorld, type World } from "#test/integration/operator/world.ts";

/** Where a test runs the mission `fix-bug`: a namespace and a kubelet of its own, in the world of its file. */
export type MissionStage = {
  readonly world: World;
  readonly namespace: string;
  readonly kubelet: Kubelet;
  operate(options?: Partial<TestOperatorOptions>): TestOperator;
  stopOperators(): Promise<void>;
  submit(spec?: Partial<MissionSpecInput>): Promise<Mission>;
  patchMission(patch: object): Promise<void>;
  mission(): Promise<Mission | undefined>;
  agent(): Promise<Agent | undefined>;
  missionIs(type: ConditionType): Promise<void>;
  modelIsReady(): Promise<void>;
  /** Reasons of the Events about objects of a kind, in order. */
  eventsOf(kind: string): Promise<string[]>;
};

/** Sets the stage of a test file up: call it once, outside of any test. */
export const missionStage = (): MissionStage => {
  let world: World;
  let namespace = "";
  let kubelet: Kubelet;
  let operators: TestOperator[] = [];
  const stopOperators = async (): Promise<void> => {
    for (const operator of operators.splice(0)) await operator.stop();
  };
  beforeAll(async () => {
    world = await startWorld();
  }, 600_000);
  afterAll(() => world?.stop(), 60_000);
  beforeEach(async () => {
    namespace = await world.newTenant();
    kubelet = await startKubelet(world.admin, namespace);
    await world.admin.create(models, {
      apiVersion: groupVersion,
      kind: "Model",
      metadata: { namespace, name: "scripted" },
      spec: aModelSpec() as never,
    });
  });
  afterEach(async () => {
    await stopOperators();
    await kubelet.stop();
    await dropLease(world.admin);
  });
  const mission = () => world.admin.find(missions, { namespace, name: "fix-bug" });
  return {
    get world() {
      return world;
    },
    get namespace() {
      return namespace;
    },
    get kubelet() {
      return kubelet;
    },
    operate: (options) => {
      const operator = runOperator(world, { tenants: [namespace], ...options });
      operators = [...operators, operator];
      return operator;
    },
    stopOperators,
    submit: (spec = {}) =>
      world.admin.create(missions, {
        apiVersion: groupVersion,
        kind: "Mission",
        metadata: { namespace, name: "fix-bug" },
        spec: aMissionSpec(spec) as never,
      }),
    patchMission: async (patch) => {
      const { uid, resourceVersion, name } = (await world.admin.get(missions, { namespace, name: "fix-bug" })).metadata;
      await world.admin.patch(missions, { namespace, name, uid, resourceVersion }, { ...patch });
    },
    mission,
    agent: () => world.admin.find(agents, { namespace, name: "fix-bug-coder" }),
    missionIs: (type) =>
      eventually(`the mission is ${type}`, async () => isTrue((await mission())?.status?.conditions, type)),
    modelIsReady: () =>
      eventually("the model is Ready", async () =>
        isTrue((await world.admin.find(models, { namespace, name: "scripted" }))?.status?.conditions, "Ready"),
      ),
    eventsOf: async (kind) => {
      const { items } = await world.admin.list(events, { namespace });
      return items
        .filter(({ regarding }) => regarding.kind === kind)
        .toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1))
        .map(({ reason }) => reason);
    },
  };
};
