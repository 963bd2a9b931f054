import type { MissionSpec, MissionStatus } from "#nervous-system/schemas/resources/mission.ts";

type Held = { readonly spec: Pick<MissionSpec, "suspend">; readonly status?: MissionStatus | undefined };

/** The Pause that a person has not taken back. */
export const pauseOf = ({ status }: Pick<Held, "status">): MissionStatus["lastIntervention"] =>
  status?.lastIntervention?.kind === "Pause" ? status.lastIntervention : undefined;

/** Whether no pod of a mission may run, by its spec or because a person paused it. */
export const isHeld = (mission: Held): boolean => mission.spec.suspend || pauseOf(mission) !== undefined;

/** Who did something to a mission and why, in words that follow a verb: `by ann: too expensive`. */
export const doneBy = ({ by, text }: NonNullable<MissionStatus["lastIntervention"]>): string =>
  text === undefined ? `by ${by}` : `by ${by}: ${text}`;
