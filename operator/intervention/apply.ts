import type { DecidedApproval } from "#nervous-system/schemas/approvals.ts";
import { isControlledBy, keyOf } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Intervention, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, findCondition, isFinished, Reason } from "#nervous-system/schemas/conditions.ts";
import { maxApprovals } from "#nervous-system/schemas/resources/approvals.ts";
import type { ChangingKind, DecidingKind } from "#nervous-system/schemas/resources/intervention.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { byMission, type Caches } from "#operator/caches.ts";
import { judgeIntervention } from "#operator/intervention/judge.ts";
import { kubeTime } from "#operator/status/fields.ts";

type Acts = Pick<Caches, "interventions">;

const ageOrder = ({ metadata: a }: Intervention, { metadata: b }: Intervention): number =>
  `${a.creationTimestamp} ${a.name}` < `${b.creationTimestamp} ${b.name}` ? -1 : 1;

/** Whether an act was applied, by its own status. */
export const wasApplied = ({ status }: Pick<Intervention, "status">): boolean =>
  findCondition(status?.conditions, ConditionType.Complete)?.reason === Reason.Applied;

/**
 * The acts that change how a mission goes on and have no answer yet, in the order in which they are taken: the next one waits for the
 * answer of the one before it, so the mission needs to remember but one. A Message waits for the record, and holds up none of them.
 */
export const unanswered = (caches: Acts, mission: Mission): Intervention[] =>
  unsettled(caches, keyOf(mission.metadata))
    .filter(({ spec }) => spec.kind !== "Message")
    .filter((act) => isControlledBy(act, mission) && !isFinished(act.status?.conditions))
    .toSorted(ageOrder);

// A Message is its frame: it is recorded before it is answered.
const isToBeRecorded = (act: Intervention): boolean =>
  wasApplied(act)
    ? act.status?.appliedSeq === undefined
    : act.spec.kind === "Message" && !isFinished(act.status?.conditions);

/** The acts on the mission of a key about which something is still to be done. */
export const unsettled = ({ interventions }: Acts, missionKey: string): Intervention[] =>
  interventions
    .byIndex(byMission, missionKey)
    .filter((act) => !isFinished(act.status?.conditions) || isToBeRecorded(act));

/** Whether the record does not tell yet of something that was done to the mission. */
export const isUnrecorded = (caches: Acts, mission: Mission): boolean =>
  unsettled(caches, keyOf(mission.metadata)).some((act) => isControlledBy(act, mission) && isToBeRecorded(act));

/** Whether a mission holds what an act did to it. */
export const isAppliedTo = ({ status }: Mission, { metadata }: Pick<Intervention, "metadata">): boolean =>
  status?.lastIntervention?.uid === metadata.uid ||
  status?.decidedApprovals?.some(({ uid }) => uid === metadata.uid) === true;

type Fact = NonNullable<MissionStatus["lastIntervention"]>;

const maxText = 1024;

const saidIn = ({ metadata, spec }: Intervention, nowMs: number): Pick<Fact, "uid" | "by" | "at" | "text"> => ({
  uid: metadata.uid,
  by: spec.requestedBy,
  at: kubeTime(nowMs),
  ...(spec.text === undefined ? {} : { text: spec.text.slice(0, maxText).toWellFormed() }),
});

const factOf = (act: Intervention, kind: ChangingKind, nowMs: number): Fact => ({
  ...saidIn(act, nowMs),
  name: act.metadata.name,
  kind,
});

const decisionOf = (act: Intervention, kind: DecidingKind, nowMs: number): DecidedApproval => ({
  ...saidIn(act, nowMs),
  requestID: act.spec.requestID ?? "",
  argsDigest: act.spec.argsDigest ?? "",
  decision: kind === "Approve" ? "Approved" : "Rejected",
});

// What a person decides holds beside a pause: it is no word about how the mission goes on.
const factsAfter = (act: Intervention, status: MissionStatus, nowMs: number): Partial<MissionStatus> => {
  const { kind } = act.spec;
  switch (kind) {
    case "Pause":
    case "Resume":
    case "Cancel":
      return { lastIntervention: factOf(act, kind, nowMs) };
    case "Approve":
    case "Reject":
      return {
        decidedApprovals: [...(status.decidedApprovals ?? []), decisionOf(act, kind, nowMs)].slice(-maxApprovals),
      };
    case "Message":
      return {};
  }
};

/**
 * The mission with its next act applied. Whatever follows from it is decided at once, and stored in the same write as the act: there is
 * no state in which one is done and the other forgotten.
 */
export const withIntervention = (caches: Acts, mission: Mission, nowMs: number): Mission => {
  const [next] = unanswered(caches, mission);
  if (next === undefined || isAppliedTo(mission, next)) return mission;
  if (judgeIntervention(next, mission).kind !== "applies") return mission;
  return { ...mission, status: { ...mission.status, ...factsAfter(next, mission.status ?? {}, nowMs) } };
};
