import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { doneBy, isHeld, pauseOf } from "#nervous-system/schemas/held.ts";
import { refused, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";

/** Who acts, and for which mission. */
export type ActingSnapshot = { readonly agent: Agent; readonly mission: Mission | undefined };

type Check = (s: ActingSnapshot) => Granted<never> | undefined;

const suspendedRetrySeconds = 30;

const agentStays: Check = ({ agent }) =>
  agent.metadata.deletionTimestamp === undefined
    ? undefined
    : refused(403, "agent_deleted", `Agent "${agent.metadata.name}" is being deleted`);

const agentRuns: Check = ({ agent }) =>
  agent.spec.suspend
    ? refusedUntil(429, "suspended", `Agent "${agent.metadata.name}" is suspended`, suspendedRetrySeconds)
    : undefined;

const missionExists: Check = ({ agent, mission }) =>
  mission === undefined
    ? refused(403, "mission_not_found", `Mission "${agent.spec.missionRef.name}" does not exist`)
    : undefined;

const missionStays: Check = ({ mission }) =>
  mission?.metadata.deletionTimestamp === undefined
    ? undefined
    : refused(403, "mission_deleted", `Mission "${mission.metadata.name}" is being deleted`);

const missionRuns: Check = ({ mission }) => {
  if (mission === undefined || !isHeld(mission)) return undefined;
  const pause = pauseOf(mission);
  const how = pause === undefined ? "suspended" : `paused ${doneBy(pause)}`;
  return refusedUntil(429, "suspended", `Mission "${mission.metadata.name}" is ${how}`, suspendedRetrySeconds);
};

/** What must hold whatever an agent wants of the gateway; why its mission is held says more than that it is suspended itself. */
export const actingChecks: readonly Check[] = [agentStays, missionExists, missionStays, missionRuns, agentRuns];

/** Why an agent may do nothing at present: the first check that refuses. */
export const refuseActing = (snapshot: ActingSnapshot): Granted<never> | undefined => {
  for (const check of actingChecks) {
    const blocked = check(snapshot);
    if (blocked !== undefined) return blocked;
  }
  return undefined;
};
