import type { Intervention, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, findCondition, isFinished, isTrue, Reason } from "#nervous-system/schemas/conditions.ts";
import { doneBy, pauseOf, waitsForPerson } from "#nervous-system/schemas/held.ts";

/** Whether an act changes its mission now, or what is answered instead: it is so already, or it cannot be. */
export type Judgement =
  | { readonly kind: "applies" }
  | { readonly kind: "superseded" | "denied"; readonly reason: string; readonly message: string };

const applies: Judgement = { kind: "applies" };

const judgePause = (mission: Mission): Judgement => {
  const pause = pauseOf(mission);
  if (pause === undefined) return applies;
  const message = `The mission is paused already, since ${pause.at} ${doneBy(pause)}`;
  return { kind: "superseded", reason: Reason.Superseded, message };
};

/** What somebody who wants a mission to go on has to do where no Pause holds it. */
const whatHolds = ({ spec, status }: Mission): string => {
  if (spec.suspend) return "its spec suspends it: set spec.suspend to false where its manifest is kept";
  const stalled = findCondition(status?.conditions, ConditionType.Stalled);
  return stalled?.status === "True" ? `it waits for something else: ${stalled.message}` : "it is not held up";
};

const judgeResume = (mission: Mission): Judgement => {
  const suspended = findCondition(mission.status?.conditions, ConditionType.Suspended);
  const isPaused = pauseOf(mission) !== undefined || waitsForPerson.has(suspended?.reason ?? "");
  if (isPaused) return applies;
  const message = `Nobody has paused the mission; ${whatHolds(mission)}`;
  return { kind: "denied", reason: Reason.NotPaused, message };
};

/** Judges an act on a mission as it is. */
export const judgeIntervention = ({ spec }: Pick<Intervention, "spec">, mission: Mission): Judgement => {
  if (isFinished(mission.status?.conditions)) {
    const end = isTrue(mission.status?.conditions, ConditionType.Complete) ? "is complete" : "has failed";
    const message = `The mission ${end} and stays so; create a new one`;
    return { kind: "denied", reason: Reason.MissionFinished, message };
  }
  switch (spec.kind) {
    case "Pause":
      return judgePause(mission);
    case "Resume":
      return judgeResume(mission);
    case "Cancel":
    case "Message":
      return applies;
  }
};
