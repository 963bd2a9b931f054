import { ConditionType, findCondition, Reason, type DecidedCondition } from "#nervous-system/schemas/conditions.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import type { MissionPlan, Told } from "#operator/mission/plan.ts";
import type { RecordHealth } from "#operator/frames/view.ts";
import { cut } from "#nervous-system/kernel/cut.ts";

const maxMessage = 2048;

const toldWhenTrue = {
  Accepted: { reason: Reason.Admitted, message: "The spec can be worked on." },
  ResolvedRefs: { reason: Reason.Resolved, message: "Every reference was found." },
} as const;

const admissionOrder = [ConditionType.Accepted, ConditionType.ResolvedRefs] as const;

// The checks run in the order of the conditions, so whatever stands before the refused one holds.
const ofAdmission = (plan: MissionPlan, before: MissionStatus): DecidedCondition[] => {
  const { refused, reason } = plan;
  const message = cut(plan.message, maxMessage);
  const neverAdmitted = before.startTime === undefined && plan.phase !== "Running";
  const list: DecidedCondition[] = [];
  for (const type of admissionOrder) {
    if (refused === type) return [...list, { type, status: "False", reason, message }];
    const old = findCondition(before.conditions, type);
    if (refused === undefined && neverAdmitted && old?.status !== "True") return list;
    list.push({ type, status: "True", ...toldWhenTrue[type] });
  }
  return list;
};

const ofRecord = (
  { phase }: MissionPlan,
  before: MissionStatus,
  { healthy, starting, message }: RecordHealth,
): DecidedCondition[] => {
  const type = ConditionType.Recording;
  const old = findCondition(before.conditions, type);
  const isFinished = phase === "Complete" || phase === "Failed";
  // While the observer reads the past it knows nothing new, and a finished mission's record is judged no more.
  if (old !== undefined && (isFinished || starting === true)) return [{ ...old, type }];
  if (isFinished) return [];
  return healthy
    ? [{ type, status: "True", reason: Reason.Recording, message: "Frames are stored." }]
    : [{ type, status: "False", reason: Reason.RecordingUnhealthy, message: cut(message, maxMessage) }];
};

const isReady = ({ phase, stalled }: MissionPlan): boolean =>
  phase === "Complete" || (!stalled && (phase === "Running" || phase === "Publishing" || phase === "Verifying"));

type Rule = { type: ConditionType; holds: (plan: MissionPlan) => boolean };

const presentWhileTrue: readonly Rule[] = [
  { type: ConditionType.Reconciling, holds: ({ phase, stalled }) => phase === "Pending" && !stalled },
  { type: ConditionType.Stalled, holds: ({ stalled }) => stalled },
  { type: ConditionType.Complete, holds: ({ phase }) => phase === "Complete" },
  { type: ConditionType.Failed, holds: ({ phase }) => phase === "Failed" },
  { type: ConditionType.AwaitingHuman, holds: ({ asks = [] }) => asks.length > 0 },
  { type: ConditionType.Suspended, holds: ({ phase }) => phase === "Suspended" },
];

/** What is known of its agents at work: whether they are recorded, and why they pause the mission or are told of. */
export type Watched = {
  readonly record: RecordHealth;
  readonly stuck: Told | undefined;
  readonly lost: Told | undefined;
};

/** Every condition of the Mission; `Reconciling`, `Stalled`, `Stuck` and the ends are there only while true. */
export const missionConditions = (
  plan: MissionPlan,
  before: MissionStatus,
  { record, stuck, lost }: Watched,
): DecidedCondition[] => {
  const told = { reason: plan.reason, message: cut(plan.message, maxMessage) };
  return [
    { type: ConditionType.Ready, status: isReady(plan) ? "True" : "False", ...told },
    ...ofAdmission(plan, before),
    ...(lost === undefined
      ? ofRecord(plan, before, record)
      : [{ type: ConditionType.Recording, status: "False" as const, ...lost }]),
    ...(stuck === undefined ? [] : [{ type: ConditionType.Stuck, status: "True" as const, ...stuck }]),
    ...presentWhileTrue
      .filter(({ holds }) => holds(plan))
      .map(({ type }): DecidedCondition => ({ type, status: "True", ...told })),
  ];
};
