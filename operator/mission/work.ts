import { ConditionType, findCondition, isTrue, Reason } from "#nervous-system/schemas/conditions.ts";
import { endingPlan, waitingPlan, type Phase } from "#operator/mission/plan.ts";
import type { MissionSnapshot } from "#operator/mission/snapshot.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";

const recheckMs = 300_000;

const reasonOf = (agent: Agent): { reason: string; message: string } => {
  const told = findCondition(agent.status?.conditions, ConditionType.Failed);
  return {
    reason: told?.reason ?? Reason.AgentFailed,
    message: `Agent "${agent.metadata.name}" gave up: ${told?.message ?? "no reason was given"}`,
  };
};

const lastErrorOf = ({ fold }: MissionSnapshot, agent: Agent): string | undefined =>
  fold?.agents[agent.metadata.uid]?.lastError;

const doing = (agents: readonly Agent[]): string =>
  agents.map(({ metadata, status }) => `${metadata.name} (${status?.phase ?? "Pending"})`).join(", ");

/** The agents are at work, or one of them gave up. */
export const work: Phase<MissionSnapshot> = (snapshot) => {
  const agents = [...snapshot.agents.values()];
  const failed = agents.find(({ status }) => isTrue(status?.conditions, ConditionType.Failed));
  if (failed !== undefined)
    return endingPlan("Failed", { ...reasonOf(failed), evidence: lastErrorOf(snapshot, failed) });
  const busy = agents.filter(({ status }) => !isTrue(status?.conditions, ConditionType.Complete));
  if (busy.length === 0) return undefined;
  const message = `At work: ${doing(busy)}.`;
  return waitingPlan({ stand: "Running", reason: Reason.Working, message }, recheckMs);
};
