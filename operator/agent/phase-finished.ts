import { ConditionType, findCondition, isTrue } from "#nervous-system/schemas/conditions.ts";
import type { AgentAct, Phase } from "#operator/agent/plan.ts";
import type { AgentSnapshot } from "#operator/agent/snapshot.ts";
import type { PodFacts } from "#operator/pod/facts.ts";

/** Pods that have ended and are still held although their end is recorded, as a crash leaves them. */
export const releases = ({ pod, earlierPods }: AgentSnapshot): AgentAct[] =>
  [...earlierPods, ...(pod === undefined ? [] : [pod])]
    .filter((found: PodFacts) => found.ended && found.held)
    .map((found): AgentAct => ({ kind: "releasePod", pod: found }));

/** An Agent that succeeded or gave up is never run again. */
export const finished: Phase<AgentSnapshot> = (snapshot) => {
  const conditions = snapshot.agent.status?.conditions;
  const complete = isTrue(conditions, ConditionType.Complete);
  if (!complete && !isTrue(conditions, ConditionType.Failed)) return undefined;
  const told = findCondition(conditions, complete ? ConditionType.Complete : ConditionType.Failed);
  return {
    stand: complete ? "Succeeded" : "Failed",
    reason: told?.reason ?? "",
    message: told?.message ?? "",
    stalled: !complete,
    progress: { kind: "none" },
    acts: releases(snapshot),
    outcome: { kind: "done" },
  };
};
