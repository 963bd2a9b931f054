import type { Tracer } from "@opentelemetry/api";
import type { Registry } from "prom-client";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { createEventRecorder, type EventRecorder } from "#nervous-system/kubernetes/events.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { LeaseTimes } from "#nervous-system/kubernetes/lease-decision.ts";
import { createLeaderElector } from "#nervous-system/kubernetes/lease.ts";
import { keyOf, type KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { isFinished, Reason } from "#nervous-system/schemas/conditions.ts";
import { apiGroup } from "#nervous-system/schemas/resources/define-resource.ts";
import { createMetrics } from "#nervous-system/telemetry/metrics.ts";
import { createAgentReconcile } from "#operator/agent/controller.ts";
import type { AgentTimes } from "#operator/agent/plan.ts";
import { byModel, byOwner, byPersona, byUid, createCaches, missionKey, type Caches } from "#operator/caches.ts";
import {
  createFrameObserver,
  type FrameObserver,
  type FrameObserverOptions,
  type NeededStream,
} from "#operator/frames/observer.ts";
import { urgencyOf, type FrameView } from "#operator/frames/view.ts";
import type { GatewayCheck } from "#operator/gateway/check.ts";
import { createMissionReconcile } from "#operator/mission/controller.ts";
import { isUnrecorded, unsettled } from "#operator/intervention/apply.ts";
import { createInterventionReconcile } from "#operator/intervention/controller.ts";
import { createModelReconcile } from "#operator/model/controller.ts";
import { createProbes, probeTimes } from "#operator/model/probes.ts";
import { createPersonaReconcile } from "#operator/persona/controller.ts";
import type { PodConfig } from "#operator/pod/config.ts";
import type { Release } from "#operator/pod/confinement.ts";
import { createControllerMetrics, metricsOf } from "#operator/runtime/controller-metrics.ts";
import {
  createController,
  itsController,
  itself,
  type Controller,
  type Reconcile,
} from "#operator/runtime/controller.ts";
import type { KubernetesMetrics } from "#operator/runtime/kubernetes-metrics.ts";
import { createManager, type Manager } from "#operator/runtime/manager.ts";
import { activityLimits, createPace, flapLimits } from "#operator/status/pace.ts";
import { createStatusWriter } from "#operator/status/writer.ts";

/** What the operator gets from the process that it runs in. */
export type OperatorOptions = {
  client: KubeClient;
  release: Release;
  /** Namespaces that run missions; in others nothing is done. */
  tenants: readonly string[];
  /** Unique per process. */
  identity: string;
  lease: LeaseTimes;
  bus: FrameObserverOptions["bus"];
  /** Takes the frames that the operator writes itself. */
  record: Pick<ComponentRecorder, "write">;
  check: GatewayCheck;
  config: PodConfig;
  times: AgentTimes;
  /** Pause before a disrupted verifier is run again, in milliseconds. */
  verifierPauseMs: number;
  /** How long workers may take to end what they are at, in milliseconds. */
  stopTimeoutMs: number;
  registry: Registry;
  kubernetesMetrics: KubernetesMetrics;
  tracer: Tracer;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
};

/** A whole operator, not yet running. */
export type Operator = {
  manager: Manager;
  /** Brings gauges up to date; before each scrape. */
  beforeScrape(): void;
};

const leaseName = "enchanted-operator";
// Reconciles wait for the API server most of their time.
const workers = 16;
/** How soon after a frame the status may show what it says, in milliseconds. */
const activityDelayMs = 2_000;

type Name = "mission" | "agent" | "model" | "persona" | "intervention";
type Reconciles = Record<Name, Reconcile>;
type Controllers = Record<Name, Controller>;

const createControllers = (options: OperatorOptions, reconciles: Reconciles): Controllers => {
  const metrics = createControllerMetrics(options.registry);
  const make = (name: Name): Controller =>
    createController({
      ...options,
      name,
      workers,
      reconcile: reconciles[name],
      metrics: metricsOf(metrics, name, workers),
    });
  return {
    mission: make("mission"),
    agent: make("agent"),
    model: make("model"),
    persona: make("persona"),
    intervention: make("intervention"),
  };
};

// Whoever is answered lets the next one of its mission have its turn.
const actsOn = (caches: Caches, mission: string): string[] =>
  unsettled(caches, mission).map(({ metadata }) => keyOf(metadata));

/** Keys of those in a cache that name a Persona. */
const naming =
  (cache: Pick<Caches["missions"] | Caches["agents"], "byIndex">) =>
  ({ object }: { object: KubeObject }): string[] =>
    cache.byIndex(byPersona, keyOf(object.metadata)).map(({ metadata }) => keyOf(metadata));

// What holds an Agent up is its mission's to tell, which it may end meanwhile.
const heldAgents = (caches: Caches, mission: Mission): string[] =>
  caches.agents
    .byIndex(byOwner, mission.metadata.uid)
    .filter(({ spec }) => spec.suspend)
    .map(({ metadata }) => keyOf(metadata));

const watchAll = ({ mission, agent, model, persona, intervention }: Controllers, caches: Caches): void => {
  mission.watch(caches.missions, itself);
  mission.watch(caches.agents, itsController(apiGroup, "Mission"));
  mission.watch(caches.pods, itsController(apiGroup, "Mission"));
  mission.watch(caches.models, ({ object }) =>
    caches.missions.byIndex(byModel, keyOf(object.metadata)).map(({ metadata }) => keyOf(metadata)),
  );
  mission.watch(caches.personas, naming(caches.missions));
  agent.watch(caches.agents, itself);
  agent.watch(caches.pods, itsController(apiGroup, "Agent"));
  agent.watch(caches.personas, naming(caches.agents));
  agent.watch(caches.missions, ({ object }) => heldAgents(caches, object));
  model.watch(caches.models, itself);
  persona.watch(caches.personas, itself);
  mission.watch(caches.interventions, itsController(apiGroup, "Mission"));
  intervention.watch(caches.interventions, itself);
  intervention.watch(caches.interventions, ({ object }) => actsOn(caches, missionKey(object)));
  intervention.watch(caches.missions, ({ object }) => actsOn(caches, keyOf(object.metadata)));
};

// The mission's frames begin where its status says, so the oldest unfinished mission says where to read from. The newest
// says whether the stream is still the one: it can lose nothing before what stands.
const neededStream = (caches: Caches): NeededStream | undefined => {
  const needed = caches.missions
    .list()
    .filter((mission) => !isFinished(mission.status?.conditions) || isUnrecorded(caches, mission))
    .flatMap(({ status }) =>
      status?.ledger?.firstSeq === undefined ? [] : [{ ...status.ledger, at: status.ledger.firstSeq }],
    )
    .toSorted((a, b) => a.at - b.at);
  const [first] = needed;
  if (first === undefined) return undefined;
  const { at, stream, hash } = needed.findLast((one) => one.hash !== undefined) ?? first;
  return { from: first.at, ...(stream && hash ? { after: { stream, place: at - 1, hash } } : {}) };
};

const wakeFor = (
  caches: Caches,
  { mission, agent, intervention }: Controllers,
  { envelope }: StoredFrame,
  frames: FrameView,
): void => {
  const { mission_uid, agent_uid, about } = envelope;
  const urgency = urgencyOf(envelope, frames.mission(mission_uid)?.agents[agent_uid]);
  if (urgency === "none") return;
  const wake = (controller: Controller, key: string): void =>
    urgency === "transition" ? controller.enqueue(key) : controller.enqueueAfter(key, activityDelayMs);
  for (const found of caches.missions.byIndex(byUid, mission_uid)) {
    wake(mission, keyOf(found.metadata));
    if (envelope.event_type === "INTERVENTION")
      for (const key of actsOn(caches, keyOf(found.metadata))) intervention.enqueue(key);
  }
  for (const found of caches.agents.byIndex(byUid, about?.agent_uid ?? agent_uid)) wake(agent, keyOf(found.metadata));
};

type Observing = { observer: FrameObserver; connect(controllers: Controllers): void };

// Controllers ask the observer and the observer wakes controllers: the circle is closed once both exist.
const observeFrames = ({ bus, clock, log }: OperatorOptions, caches: Caches): Observing => {
  let controllers: Controllers | undefined;
  const observer = createFrameObserver({
    bus,
    clock,
    log,
    needed: () => neededStream(caches),
    isKnown: (uid) => caches.missions.byIndex(byUid, uid).length > 0,
    onFrame: (frame) => {
      // While the past is read nobody is woken for each of its frames.
      if (controllers !== undefined && observer.health().starting !== true)
        wakeFor(caches, controllers, frame, observer);
    },
    onCaughtUp: () => {
      for (const { metadata } of caches.missions.list()) controllers?.mission.enqueue(keyOf(metadata));
      for (const { metadata } of caches.agents.list()) controllers?.agent.enqueue(keyOf(metadata));
      for (const { metadata } of caches.interventions.list()) controllers?.intervention.enqueue(keyOf(metadata));
    },
  });
  return { observer, connect: (made) => (controllers = made) };
};

const createReconciles = (
  options: OperatorOptions,
  caches: Caches,
  writer: { client: KubeClient; events: EventRecorder },
  frames: FrameObserver,
): Reconciles => {
  const { check, clock, config, times, release, verifierPauseMs } = options;
  const activity = createPace(clock, activityLimits);
  const flaps = createPace(clock, flapLimits);
  const probes = createProbes(check, clock, probeTimes);
  const forget = (uid: string): void => {
    for (const memory of [activity, flaps, probes]) memory.forget(uid);
  };
  for (const informer of [caches.missions, caches.agents, caches.models, caches.personas, caches.interventions])
    informer.addHandler(({ kind, object }) => {
      if (kind === "deleted") forget(object.metadata.uid);
    });
  const { scribesDied } = createMetrics(options.registry, ["scribesDied"]);
  const onEvent = (reason: string): void => {
    if (reason === Reason.ScribeDied) scribesDied.inc();
  };
  const status = createStatusWriter({ ...writer, activity, flaps, onEvent });
  const { record } = options;
  const shared = { caches, client: writer.client, frames, check, release, clock };
  const { agentImage } = config;
  return {
    mission: createMissionReconcile({
      sources: { ...shared, agentImage, verifierPauseMs },
      actor: { ...writer, config },
      status,
    }),
    agent: createAgentReconcile({ sources: { ...shared, times }, actor: { ...writer, config }, status }),
    model: createModelReconcile({ caches, probes, status, clock }),
    persona: createPersonaReconcile({ caches, status, clock }),
    intervention: createInterventionReconcile({ caches, frames, client: writer.client, record, status, clock }),
  };
};

/** Puts the operator together; `manager.run` starts it. */
export const createOperator = (options: OperatorOptions): Operator => {
  const { client, release, identity, lease, clock, log, kubernetesMetrics } = options;
  const elector = createLeaderElector({ ...options, namespace: release.namespace, name: leaseName, times: lease });
  const caches = createCaches({ ...options, releaseNamespace: release.namespace, onEndOf: kubernetesMetrics.onEndOf });
  const informers = Object.values(caches);
  const writing = client.with({ guard: elector.fence });
  const events = createEventRecorder({
    client: writing,
    controller: `${apiGroup}/operator`,
    instance: identity,
    clock,
    log,
  });
  const { observer, connect } = observeFrames(options, caches);
  const controllers = createControllers(
    options,
    createReconciles(options, caches, { client: writing, events }, observer),
  );
  connect(controllers);
  watchAll(controllers, caches);
  const all = Object.values(controllers);
  const manager = createManager({
    ...options,
    informers,
    controllers: all,
    runnables: [observer],
    elector,
    // Events that wait, those of the last reconciles too; without the lease the fence would refuse them.
    beforeRelease: () => events.flush(),
  });
  return {
    manager,
    beforeScrape: () => {
      for (const controller of all) controller.refreshMetrics();
      kubernetesMetrics.refresh({ informers, elector, leaseName });
    },
  };
};
