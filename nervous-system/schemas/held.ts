import { ConditionType, findCondition, Reason } from "#nervous-system/schemas/conditions.ts";
import type { MissionSpec, MissionStatus } from "#nervous-system/schemas/resources/mission.ts";

type Held = { readonly spec: Pick<MissionSpec, "suspend">; readonly status?: MissionStatus | undefined };

/** The Pause that a person has not taken back. */
export const pauseOf = ({ status }: Pick<Held, "status">): MissionStatus["lastIntervention"] =>
  status?.lastIntervention?.kind === "Pause" ? status.lastIntervention : undefined;

/** Whether no pod of a mission may run, by its spec or because a person paused it. */
export const isHeld = (mission: Held): boolean => mission.spec.suspend || pauseOf(mission) !== undefined;

/** Why a mission pauses by itself and waits for nothing but a person who resumes it. */
export const waitsForPerson: ReadonlySet<string> = new Set([
  Reason.RepeatedAction,
  Reason.AlternatingEdits,
  Reason.Idle,
  Reason.RecordingLost,
]);

/** Whether a person has resumed a mission since it was suspended: what its agents did holds it no more. */
export const isResumed = ({ status }: Pick<Held, "status">): boolean => {
  const suspended = findCondition(status?.conditions, ConditionType.Suspended);
  const last = status?.lastIntervention;
  if (last?.kind !== "Resume" || suspended?.status !== "True") return false;
  return Date.parse(last.at) >= Date.parse(suspended.lastTransitionTime);
};

/** Who did something to a mission and why, in words that follow a verb: `by ann: too expensive`. */
export const doneBy = ({ by, text }: Pick<NonNullable<MissionStatus["lastIntervention"]>, "by" | "text">): string =>
  text === undefined ? `by ${by}` : `by ${by}: ${text}`;
