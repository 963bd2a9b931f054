import { ConditionType, isTrue, mergeConditions } from "#nervous-system/schemas/conditions.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { kubeTime } from "#operator/agent/snapshot.ts";
import { missionConditions } from "#operator/mission/conditions.ts";
import type { MissionPlan } from "#operator/mission/plan.ts";
import { publicationsOf } from "#operator/mission/publication.ts";
import type { MissionSnapshot } from "#operator/mission/snapshot.ts";
import { annotation } from "#nervous-system/schemas/names.ts";
import { traceIdOf } from "#operator/pod/trace.ts";

/** The verifier pod that this reconcile made or found. */
export type MadeVerifier = { attempt: number; podName: string; podUID: string; commit: string };

const maxPullRequests = 20;

const pullRequests = (snapshot: MissionSnapshot, before: MissionStatus): Pick<MissionStatus, "pullRequests"> => {
  const found = publicationsOf(snapshot).flatMap(({ publication: p }) =>
    p === undefined || p.url === ""
      ? []
      : [
          {
            url: p.url,
            ...(p.number === 0 ? {} : { number: p.number }),
            ...(p.head === "" ? {} : { headSHA: p.head }),
            state: p.state,
          },
        ],
  );
  // A list-map by url: the last word about a pull request counts.
  const byUrl = new Map([...(before.pullRequests ?? []), ...found].map((pr) => [pr.url, pr]));
  return byUrl.size === 0 ? {} : { pullRequests: [...byUrl.values()].slice(-maxPullRequests) };
};

const counts = ({ agents, mission }: MissionSnapshot) => {
  const all = [...agents.values()];
  const having = (type: ConditionType): number => all.filter(({ status }) => isTrue(status?.conditions, type)).length;
  const succeeded = having(ConditionType.Complete);
  const failed = having(ConditionType.Failed);
  return {
    activeAgents: all.length - succeeded - failed,
    succeededAgents: succeeded,
    failedAgents: failed,
    agentsSummary: `${succeeded}/${mission.spec.team.length}`,
  };
};

const ledger = (
  { fold, record, mission }: MissionSnapshot,
  before: MissionStatus,
): NonNullable<MissionStatus["ledger"]> => ({
  // Where a rebuilt observer starts to read: nothing of this mission can be in the stream before its admission.
  firstSeq: before.ledger?.firstSeq ?? record.position + 1,
  ...(fold === undefined
    ? before.ledger?.lastSeq === undefined
      ? {}
      : { lastSeq: before.ledger.lastSeq }
    : { lastSeq: fold.lastSeq }),
  traceID: before.ledger?.traceID ?? traceIdOf(mission.metadata.uid),
});

const verification = (
  plan: MissionPlan,
  before: MissionStatus,
  made: MadeVerifier | undefined,
): Pick<MissionStatus, "verification"> => {
  if (made !== undefined) return { verification: made };
  if (before.verification === undefined) return {};
  const { verifierExitCode: exitCode } = plan;
  return { verification: { ...before.verification, ...(exitCode === undefined ? {} : { exitCode }) } };
};

const outcome = ({ ending }: MissionPlan): Pick<MissionStatus, "outcome"> =>
  ending === undefined
    ? {}
    : {
        outcome: {
          reason: ending.reason.slice(0, 128),
          message: ending.message.slice(0, 4096),
          ...(ending.evidence === undefined ? {} : { evidence: ending.evidence.slice(0, 4096) }),
        },
      };

/** The whole status that the plan leads to, from the status before, what the frames tell, and nothing else. */
export const computeMissionStatus = (
  snapshot: MissionSnapshot,
  plan: MissionPlan,
  made?: MadeVerifier,
): MissionStatus => {
  const { mission, record, fold, nowMs } = snapshot;
  const before = mission.status ?? {};
  const generation = mission.metadata.generation ?? 0;
  const requestedAt = mission.metadata.annotations?.[annotation.requestedAt];
  const admitted = before.startTime !== undefined || plan.stand === "Running";
  const isOver = plan.stand === "Complete" || plan.stand === "Failed";
  const now = kubeTime(nowMs);
  return {
    ...before,
    observedGeneration: generation,
    conditions: mergeConditions(before.conditions, missionConditions(plan, before, record), { now, generation }),
    phase: plan.stand,
    ...(admitted ? { startTime: before.startTime ?? now, ledger: ledger(snapshot, before) } : {}),
    ...(isOver ? { completionTime: before.completionTime ?? now } : {}),
    ...counts(snapshot),
    ...(fold === undefined ? {} : { usage: fold.usage }),
    ...pullRequests(snapshot, before),
    ...verification(plan, before, made),
    ...outcome(plan),
    ...(requestedAt === undefined ? {} : { lastHandledReconcileAt: requestedAt.slice(0, 128) }),
  };
};
