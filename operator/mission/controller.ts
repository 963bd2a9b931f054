import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { actOnMission, missionActAccess, type MissionActor } from "#operator/mission/act.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { missionEvents } from "#operator/mission/events.ts";
import { observeMission, type MissionSources } from "#operator/mission/observe.ts";
import type { MissionPlan, MissionSnapshot } from "#operator/mission/plan.ts";
import { computeMissionStatus, type MadeVerifier } from "#operator/mission/status.ts";
import type { Reconcile } from "#operator/runtime/controller.ts";
import { noLaterThan, type StatusWriter } from "#operator/status/writer.ts";

/** What the Mission controller is made of. */
export type MissionController = { sources: MissionSources; actor: MissionActor; status: StatusWriter };

/** Rights that the controller needs beyond its caches. */
export const missionAccess: readonly Access[] = [...missionActAccess, accessTo(missions, ["patch"], "status")];

// What the next decision rests on; everything else in the status is for people.
const structural: readonly (keyof MissionStatus)[] = [
  "startTime",
  "completionTime",
  "verification",
  "pullRequests",
  "outcome",
  "lastHandledReconcileAt",
];

const actAll = async (
  controller: MissionController,
  snapshot: MissionSnapshot,
  plan: MissionPlan,
): Promise<MadeVerifier | undefined> => {
  let made: MadeVerifier | undefined;
  for (const act of plan.acts) made = (await actOnMission(controller.actor, snapshot, act)) ?? made;
  return made;
};

const reconcileSnapshot = async (controller: MissionController, snapshot: MissionSnapshot): Promise<Outcome> => {
  const { mission } = snapshot;
  const plan = decideMission(snapshot);
  if (mission.metadata.deletionTimestamp !== undefined) return plan.outcome;
  const made = await actAll(controller, snapshot, plan);
  const { waitMs } = await controller.status.write({
    kind: missions,
    object: mission,
    before: mission.status ?? {},
    after: computeMissionStatus(snapshot, plan, made),
    structural,
    events: missionEvents,
  });
  return noLaterThan(plan.outcome, waitMs);
};

/** Creates the reconcile function of Missions. */
export const createMissionReconcile =
  (controller: MissionController): Reconcile =>
  async (key) => {
    const snapshot = await observeMission(controller.sources, key);
    return snapshot === undefined ? { kind: "done" } : reconcileSnapshot(controller, snapshot);
  };
