import { decisionOn, timeOverMs, type DecidedApproval } from "#nervous-system/schemas/approvals.ts";
import type { Intervention, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, findCondition, isFinished, isTrue, Reason } from "#nervous-system/schemas/conditions.ts";
import { doneBy, pauseOf, waitsForPerson } from "#nervous-system/schemas/held.ts";

/** Whether an act changes its mission now, or what is answered instead: it is so already, or it cannot be. */
export type Judgement =
  | { readonly kind: "applies" }
  | { readonly kind: "superseded" | "denied"; readonly reason: string; readonly message: string };

const applies: Judgement = { kind: "applies" };

type Deciding = Pick<Intervention, "spec"> & { readonly metadata: Pick<Intervention["metadata"], "creationTimestamp"> };

const denied = (reason: string, message: string): Judgement => ({ kind: "denied", reason, message });

const judgePause = (mission: Mission): Judgement => {
  const pause = pauseOf(mission);
  if (pause === undefined) return applies;
  const message = `The mission is paused already, since ${pause.at} ${doneBy(pause)}`;
  return { kind: "superseded", reason: Reason.Superseded, message };
};

/** What somebody who wants a mission to go on has to do where no Pause holds it. */
const whatHolds = ({ spec, status }: Mission): string => {
  if (spec.suspend) return "its spec suspends it: set spec.suspend to false where its manifest is kept";
  const holding = [ConditionType.Stalled, ConditionType.AwaitingHuman].find((type) => isTrue(status?.conditions, type));
  const why = holding && findCondition(status?.conditions, holding)?.message;
  return why === undefined ? "it is not held up" : `it waits for something else: ${why}`;
};

const judgeResume = (mission: Mission): Judgement => {
  const suspended = findCondition(mission.status?.conditions, ConditionType.Suspended);
  const isPaused = pauseOf(mission) !== undefined || waitsForPerson.has(suspended?.reason ?? "");
  if (isPaused) return applies;
  return denied(Reason.NotPaused, `Nobody has paused the mission; ${whatHolds(mission)}`);
};

const judgeAgain = ({ spec }: Deciding, { decision, argsDigest, by, at }: DecidedApproval): Judgement => {
  const message = `The request is decided already: ${decision} by ${by}, ${at}`;
  const isSame = decision === (spec.kind === "Approve" ? "Approved" : "Rejected") && argsDigest === spec.argsDigest;
  return isSame ? { kind: "superseded", reason: Reason.Superseded, message } : denied(Reason.RequestDecided, message);
};

// By when it was asked for, so that no operator that was away makes it late, or takes a late one for one in time.
const isLate = ({ metadata }: Deciding, mission: Mission, pending: Parameters<typeof timeOverMs>[1]): boolean =>
  mission.spec.approvals?.onTimeout === "Reject" &&
  Date.parse(metadata.creationTimestamp) >= timeOverMs(mission, pending);

const judgeDecision = (act: Deciding, mission: Mission): Judgement => {
  const { requestID = "", argsDigest } = act.spec;
  const before = decisionOn(mission, { requestID });
  if (before !== undefined) return judgeAgain(act, before);
  const pending = mission.status?.pendingApprovals?.find((one) => one.requestID === requestID);
  if (pending === undefined)
    return denied(
      Reason.RequestNotFound,
      `The mission asks nothing by "${requestID}"; see its status.pendingApprovals`,
    );
  if (pending.argsDigest !== argsDigest)
    return denied(Reason.OtherArguments, `It is about ${argsDigest}, and the request asks for ${pending.argsDigest}`);
  return isLate(act, mission, pending)
    ? denied(Reason.ApprovalTimedOut, `The time of the request was over: ${mission.spec.approvals?.timeout}`)
    : applies;
};

const judgeFinished = ({ status }: Mission): Judgement => {
  const end = isTrue(status?.conditions, ConditionType.Complete) ? "is complete" : "has failed";
  return denied(Reason.MissionFinished, `The mission ${end} and stays so; create a new one`);
};

/** Judges an act on a mission as it is. */
export const judgeIntervention = (act: Deciding, mission: Mission): Judgement => {
  if (isFinished(mission.status?.conditions)) return judgeFinished(mission);
  switch (act.spec.kind) {
    case "Pause":
      return judgePause(mission);
    case "Resume":
      return judgeResume(mission);
    case "Approve":
    case "Reject":
      return judgeDecision(act, mission);
    case "Cancel":
    case "Message":
      return applies;
  }
};
