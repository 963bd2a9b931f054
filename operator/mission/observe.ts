import type { Clock } from "#nervous-system/kernel/clock.ts";
import { pods } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { controllerOf, isControlledBy, keyOf } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Agent, Mission, Model, Persona } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, isFinished, isTrue } from "#nervous-system/schemas/conditions.ts";
import { byOwner, byUid, type Caches } from "#operator/caches.ts";
import { isHeld } from "#nervous-system/schemas/held.ts";
import type { FrameView } from "#operator/frames/view.ts";
import type { GatewayCheck } from "#operator/gateway/check.ts";
import { askWorkspace } from "#operator/gateway/workspace.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";
import { gatewayHost } from "#operator/pod/config.ts";
import type { Release } from "#operator/pod/confinement.ts";
import { podFacts, type PodFacts } from "#operator/pod/facts.ts";
import { observeNetwork } from "#operator/pod/observe-network.ts";
import { isAppliedTo, unanswered, withIntervention } from "#operator/intervention/apply.ts";
import { agentName, clusterAddress } from "#operator/pod/names.ts";
import { withWarning } from "#operator/pod/node-words.ts";
import { isTenant } from "#operator/tenant.ts";

/** Where everything that a Mission's decision needs is read. */
export type MissionSources = {
  caches: Caches;
  client: Pick<KubeClient, "find" | "list">;
  frames: FrameView;
  check: GatewayCheck;
  release: Release;
  agentImage: string;
  verifierPauseMs: number;
  clock: Pick<Clock, "now">;
};

const isOver = ({ status, metadata }: Mission): boolean =>
  metadata.deletionTimestamp !== undefined || isFinished(status?.conditions);

/** What may change until the very moment in which a pod is made. */
type Permits = Pick<MissionSnapshot, "secret" | "network">;

// Asked wherever a pod may be made of the answer: before the agents are made, and once they are done, for the verifier.
const observePermits = async (
  { check, client, release }: MissionSources,
  mission: Mission,
  agents: ReadonlyMap<string, Agent>,
): Promise<Permits> => {
  const notAsked = { secret: undefined, network: undefined };
  if (isOver(mission) || isHeld(mission)) return notAsked;
  const team = mission.spec.team.map(({ name }) => agents.get(agentName(mission.metadata.name, name)));
  const isAdmitted = team.every((agent) => agent !== undefined);
  const isDone = team.every((agent) => isTrue(agent?.status?.conditions, ConditionType.Complete));
  if (isAdmitted && !isDone) return notAsked;
  const [secret, network] = await Promise.all([
    askWorkspace(check, mission),
    observeNetwork(client, release, mission.metadata.namespace),
  ]);
  return { secret, network };
};

const observeVerifier = async (
  { caches, client, clock }: MissionSources,
  mission: Mission,
): Promise<PodFacts | undefined> => {
  const run = mission.status?.verification;
  if (run === undefined || isOver(mission)) return undefined;
  const ref = { namespace: mission.metadata.namespace, name: run.podName };
  const cached = caches.pods.get(keyOf(ref));
  const facts = cached !== undefined && cached.metadata.uid === run.podUID ? podFacts(cached) : undefined;
  if (facts?.ended === false) return withWarning(client, ref.namespace, facts, clock.now());
  const live = await client.find(pods, ref);
  return live !== undefined && live.metadata.uid === run.podUID ? podFacts(live) : undefined;
};

const observeModels = ({ caches }: MissionSources, { metadata, spec }: Mission): ReadonlyMap<string, Model> =>
  new Map(
    spec.team.flatMap(({ modelRef: { name } }) => {
      const model = caches.models.get(keyOf({ namespace: metadata.namespace, name }));
      return model === undefined ? [] : [[name, model] as const];
    }),
  );

const observePersonas = ({ caches }: MissionSources, { metadata, spec }: Mission): ReadonlyMap<string, Persona> =>
  new Map(
    spec.team.flatMap(({ personaRef }) => {
      if (personaRef === undefined) return [];
      const { name } = personaRef;
      const persona = caches.personas.get(keyOf({ namespace: metadata.namespace, name }));
      return persona === undefined ? [] : [[name, persona] as const];
    }),
  );

const observeAgents = ({ caches }: MissionSources, mission: Mission): ReadonlyMap<string, Agent> =>
  new Map(
    caches.agents
      .byIndex(byOwner, mission.metadata.uid)
      .filter((agent) => isControlledBy(agent, mission))
      .map((agent) => [agent.metadata.name, agent]),
  );

const observePods = ({ caches }: MissionSources, agents: ReadonlyMap<string, Agent>): ReadonlyMap<string, PodFacts> =>
  new Map(
    [...agents.values()].flatMap(({ metadata, status }) => {
      const { podName, podUID, attempt } = status ?? {};
      if (podName === undefined) return [];
      const pod = caches.pods.get(keyOf({ namespace: metadata.namespace, name: podName }));
      if (pod === undefined || pod.metadata.uid !== (podUID ?? pod.metadata.uid)) return [];
      const facts = podFacts(pod);
      return facts.attempt === attempt ? [[metadata.name, facts] as const] : [];
    }),
  );

const observeTaken = ({ caches }: MissionSources, mission: Mission): MissionSnapshot["taken"] =>
  mission.spec.team.flatMap((member) => {
    const { namespace, name } = mission.metadata;
    const agent = agentName(name, member.name);
    const found = caches.agents.get(keyOf({ namespace, name: agent }));
    if (found === undefined || isControlledBy(found, mission)) return [];
    return [{ agent, mission: caches.missions.byIndex(byUid, controllerOf(found)?.uid ?? "")[0]?.metadata.name }];
  });

/** Reads everything about the Mission of `key`; nothing where it does not exist. */
export const observeMission = async (sources: MissionSources, key: string): Promise<MissionSnapshot | undefined> => {
  const { caches, frames, release, agentImage, verifierPauseMs, clock } = sources;
  const cached = caches.missions.get(key);
  if (cached === undefined) return undefined;
  const mayAct = isTenant(caches, cached.metadata.namespace);
  const mission = mayAct ? withIntervention(caches, cached, clock.now()) : cached;
  const agents = observeAgents(sources, mission);
  return {
    mission,
    stored: cached.status ?? {},
    isTenant: mayAct,
    agents,
    pods: observePods(sources, agents),
    taken: observeTaken(sources, mission),
    models: observeModels(sources, mission),
    personas: observePersonas(sources, mission),
    ...(mayAct ? await observePermits(sources, mission, agents) : { secret: undefined, network: undefined }),
    record: frames.health(),
    fold: frames.mission(mission.metadata.uid),
    verifier: mayAct ? await observeVerifier(sources, mission) : undefined,
    actsWait: mayAct && unanswered(caches, mission).some((act) => !isAppliedTo(mission, act)),
    gatewayAddress: clusterAddress(caches.services.get(keyOf({ namespace: release.namespace, name: gatewayHost }))),
    agentImage,
    verifierPauseMs,
    nowMs: clock.now(),
  };
};
