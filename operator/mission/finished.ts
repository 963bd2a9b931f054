import { ConditionType, findCondition, isTrue } from "#nervous-system/schemas/conditions.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import type { MissionSnapshot, Step } from "#operator/mission/plan.ts";

const endOf = ({ mission }: MissionSnapshot): "Complete" | "Failed" | undefined => {
  const conditions = mission.status?.conditions;
  if (isTrue(conditions, ConditionType.Complete)) return "Complete";
  return isTrue(conditions, ConditionType.Failed) ? "Failed" : undefined;
};

// The publisher is told of an end as everybody is: what it pushed in that very moment is not what was verified, and is told of.
const publishedAfterwards = ({ verification, pullRequests = [], outcome }: MissionStatus): string => {
  if (verification === undefined || outcome === undefined) return "";
  const told = `${outcome.message} ${verification.commit}`;
  const unknown = pullRequests.filter(
    ({ headSHA, state }) => state !== "closed" && headSHA !== undefined && !told.includes(headSHA.slice(0, 12)),
  );
  return unknown.map(({ url, headSHA }) => ` Not verified: ${url} at ${headSHA?.slice(0, 12)}.`).join("");
};

const endMessage = (phase: "Complete" | "Failed", status: MissionStatus): string => {
  const { conditions, outcome } = status;
  return phase === "Complete" && outcome !== undefined
    ? outcome.message + publishedAfterwards(status)
    : (findCondition(conditions, ConditionType[phase])?.message ?? "");
};

/** A mission that has ended stays as it ended. */
export const finished: Step = (snapshot) => {
  const phase = endOf(snapshot);
  if (phase === undefined) return undefined;
  const { status = {} } = snapshot.mission;
  const { conditions, outcome: ending } = status;
  return {
    phase,
    reason: findCondition(conditions, ConditionType[phase])?.reason ?? "",
    message: endMessage(phase, status),
    stalled: phase === "Failed",
    ...(ending === undefined ? {} : { ending }),
    acts: [],
    outcome: { kind: "done" },
  };
};
