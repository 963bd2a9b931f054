import type { Clock } from "#nervous-system/kernel/clock.ts";
import { pods, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { isControlledBy, keyOf } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isFinished } from "#nervous-system/schemas/conditions.ts";
import { currentAttempt, recordedEnd } from "#operator/agent/attempts.ts";
import type { Addresses, AgentSnapshot, AgentTimes } from "#operator/agent/plan.ts";
import { byOwner, type Caches } from "#operator/caches.ts";
import type { FrameView } from "#operator/frames/view.ts";
import type { GatewayCheck } from "#operator/gateway/check.ts";
import { askWorkspace } from "#operator/gateway/workspace.ts";
import { collectorHost, gatewayHost } from "#operator/pod/config.ts";
import type { Release } from "#operator/pod/confinement.ts";
import { podFacts, type PodFacts } from "#operator/pod/facts.ts";
import { observeNetwork } from "#operator/pod/observe-network.ts";
import { agentPodName, clusterAddress } from "#operator/pod/names.ts";
import { withWarning } from "#operator/pod/node-words.ts";

/** Where everything that an Agent's decision needs is read. */
export type AgentSources = {
  caches: Caches;
  client: Pick<KubeClient, "find" | "list">;
  frames: FrameView;
  check: GatewayCheck;
  times: AgentTimes;
  release: Release;
  clock: Pick<Clock, "now">;
};

/** The cluster addresses of collector and gateway, once both have one. */
const observeAddresses = ({ caches, release }: Pick<AgentSources, "caches" | "release">): Addresses | undefined => {
  const addressOf = (name: string): string | undefined =>
    clusterAddress(caches.services.get(keyOf({ namespace: release.namespace, name })));
  const collector = addressOf(collectorHost);
  const gateway = addressOf(gatewayHost);
  return collector === undefined || gateway === undefined ? undefined : { collector, gateway };
};

type CurrentPod = Pick<AgentSnapshot, "pod" | "podIsLive">;

const isExpected = (agent: Agent, pod: PodFacts | undefined): boolean =>
  pod !== undefined && (agent.status?.podUID === undefined || agent.status.podUID === pod.uid);

const factsOf = (agent: Agent, found: Pod | undefined): PodFacts | undefined =>
  found !== undefined && isControlledBy(found, agent) ? podFacts(found) : undefined;

// A cache may lag: that a pod lives may be believed, because nothing is made while it does; that it is over may not.
const mayBelieve = (agent: Agent, cached: PodFacts | undefined): boolean => {
  if (currentAttempt({ agent }) === 0) return false;
  if (agent.metadata.deletionTimestamp !== undefined) return false;
  if (isFinished(agent.status?.conditions)) return true;
  return isExpected(agent, cached) && cached?.ended === false && recordedEnd({ agent }) === undefined;
};

const observePod = async ({ caches, client, clock }: AgentSources, agent: Agent): Promise<CurrentPod> => {
  const attempt = currentAttempt({ agent });
  if (attempt === 0) return { pod: undefined, podIsLive: true };
  const ref = { namespace: agent.metadata.namespace, name: agentPodName(agent.metadata.name, attempt) };
  const cached = factsOf(agent, caches.pods.get(keyOf(ref)));
  if (mayBelieve(agent, cached))
    return { pod: cached && (await withWarning(client, ref.namespace, cached, clock.now())), podIsLive: false };
  const live = factsOf(agent, await client.find(pods, ref));
  // Another pod under the name of one that is gone is nobody's attempt.
  return { pod: isExpected(agent, live) ? live : undefined, podIsLive: true };
};

// Asked anew for each attempt: what admitted the mission may have been taken back since.
const observePermits = async (
  { check, client, release }: AgentSources,
  agent: Agent,
  mission: Mission | undefined,
  { pod, podIsLive }: CurrentPod,
): Promise<Pick<AgentSnapshot, "secret" | "network">> => {
  const isOver = agent.metadata.deletionTimestamp !== undefined || isFinished(agent.status?.conditions);
  const mayStart = podIsLive && pod?.ended !== false && !agent.spec.suspend;
  if (mission === undefined || isOver || !mayStart) return { secret: undefined, network: undefined };
  const [secret, network] = await Promise.all([
    askWorkspace(check, mission),
    observeNetwork(client, release, agent.metadata.namespace),
  ]);
  return { secret, network };
};

/** Reads everything about the Agent of `key`; nothing where it does not exist. */
export const observeAgent = async (sources: AgentSources, key: string): Promise<AgentSnapshot | undefined> => {
  const { caches, frames, times, clock } = sources;
  const agent = caches.agents.get(key);
  if (agent === undefined) return undefined;
  const { namespace, uid } = agent.metadata;
  const mission = caches.missions.get(keyOf({ namespace, name: agent.spec.missionRef.name }));
  const current = await observePod(sources, agent);
  const name = agentPodName(agent.metadata.name, currentAttempt({ agent }));
  return {
    agent,
    mission,
    persona: agent.spec.persona && caches.personas.get(keyOf({ namespace, name: agent.spec.persona.name })),
    model: caches.models.get(keyOf({ namespace, name: agent.spec.modelRef.name })),
    ...(await observePermits(sources, agent, mission, current)),
    ...current,
    earlierPods: caches.pods
      .byIndex(byOwner, uid)
      .filter((pod) => pod.metadata.name !== name && isControlledBy(pod, agent))
      .map(podFacts),
    addresses: observeAddresses(sources),
    fold: mission === undefined ? undefined : frames.mission(mission.metadata.uid)?.agents[uid],
    stream: frames.health().mark?.stream,
    silentMs: mission === undefined ? 0 : frames.silentMs(mission.metadata.uid, uid),
    framesAreLive: frames.health().starting !== true,
    times,
    nowMs: clock.now(),
  };
};
