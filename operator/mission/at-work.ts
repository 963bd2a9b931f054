import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isFinished } from "#nervous-system/schemas/conditions.ts";
import type { MissionSnapshot } from "#operator/mission/plan.ts";

type Seen = Pick<MissionSnapshot, "mission" | "agents" | "pods" | "nowMs">;

const recordedEnd = ({ status }: Agent) => status?.history?.find(({ attempt }) => attempt === status.attempt);

const timeOf = (text = ""): number | undefined => Date.parse(text) || undefined;

const readMs = (agent: Agent): number | undefined =>
  timeOf(recordedEnd(agent)?.endTime) ?? timeOf(agent.status?.completionTime);

/** When an agent's last attempt ended, as its node says, else when that was read; undefined while it is at work or none has begun. */
const endMs = (agent: Agent, { pods, nowMs }: Seen): number | undefined => {
  const pod = pods.get(agent.metadata.name);
  if (pod === undefined) return readMs(agent);
  if (!pod.ended) return undefined;
  return timeOf(pod.main?.terminated?.finishedAt) ?? readMs(agent) ?? nowMs;
};

/**
 * Until when agents were at work: until now, or until the last of them ended where the next attempt of none has begun. An operator
 * that was away reads an end long after it.
 */
export const workedUntilMs = (snapshot: Seen): number => {
  const { mission, agents, nowMs } = snapshot;
  const ends = [...agents.values()].map((agent) => endMs(agent, snapshot) ?? Infinity);
  return ends.length < mission.spec.team.length ? nowMs : Math.min(nowMs, Math.max(...ends));
};

/** Whether every agent that has not finished has ended, and its Agent does not say so yet: how, decides what becomes of the mission. */
export const awaitsEnds = ({ agents, pods }: Seen): boolean =>
  [...agents.values()]
    .filter(({ status }) => !isFinished(status?.conditions))
    .every((agent) => {
      const hasPod = agent.status?.podUID !== undefined || pods.has(agent.metadata.name);
      return hasPod && pods.get(agent.metadata.name)?.ended !== false && recordedEnd(agent) === undefined;
    });

/** Whether the program of one of these agents runs, though something else of its pod may wait for a person. */
export const anyRuns = (agents: Iterable<Agent>): boolean =>
  [...agents].some(({ status }) => status?.phase === "Running" && !isFinished(status.conditions));
