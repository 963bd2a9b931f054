import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { pods } from "#nervous-system/kubernetes/kinds.ts";
import { agents, missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { actOnMission, missionActAccess, type MissionActor } from "#operator/mission/act.ts";
import { decideMission } from "#operator/mission/decide.ts";
import { missionEvents } from "#operator/mission/events.ts";
import { observeMission, type MissionSources } from "#operator/mission/observe.ts";
import { waitingPlan, type MissionAct, type MissionPlan, type MissionSnapshot } from "#operator/mission/plan.ts";
import { computeMissionStatus, type MadeVerifier } from "#operator/mission/status.ts";
import { nodeWordsAccess } from "#operator/pod/node-words.ts";
import { networkAccess } from "#operator/pod/observe-network.ts";
import { refusalOf, refusedRecheckMs } from "#operator/runtime/create-owned.ts";
import type { Reconcile } from "#operator/runtime/controller.ts";
import { noLaterThan, type StatusWriter } from "#operator/status/writer.ts";

/** What the Mission controller is made of. */
export type MissionController = { sources: MissionSources; actor: MissionActor; status: StatusWriter };

/** Rights that the controller needs in each tenant's namespace beyond its caches. */
export const missionAccess: readonly Access[] = [...missionActAccess, ...nodeWordsAccess, ...networkAccess];

/** Rights that it needs in the whole cluster: a mission elsewhere is told that nobody works on it. */
export const missionClusterAccess: readonly Access[] = [accessTo(missions, ["patch"], "status")];

// What the next decision rests on; everything else in the status is for people.
const structural: readonly (keyof MissionStatus)[] = [
  "startTime",
  "completionTime",
  "verification",
  "pullRequests",
  "outcome",
  "lastIntervention",
  "pendingApprovals",
  "decidedApprovals",
  "lastHandledReconcileAt",
];

type Acted = { plan: MissionPlan; made?: MadeVerifier | undefined };

// A quota or an admission policy refuses what the mission is made of: people must see it, and it is tried again now and then.
const refusedPlan = (
  { mission }: MissionSnapshot,
  plan: MissionPlan,
  { kind }: MissionAct,
  error: unknown,
): MissionPlan | undefined => {
  const isAgent = kind === "createAgent";
  if (!isAgent && kind !== "createVerifier") return undefined;
  const told = refusalOf(error, isAgent ? agents : pods, mission.metadata.namespace);
  if (told === undefined) return undefined;
  const where = isAgent ? ({ phase: "Pending", refused: "Accepted" } as const) : { phase: plan.phase };
  return waitingPlan({ ...where, ...told }, refusedRecheckMs);
};

const actAll = async (controller: MissionController, snapshot: MissionSnapshot, plan: MissionPlan): Promise<Acted> => {
  let made: MadeVerifier | undefined;
  for (const act of plan.acts) {
    try {
      made = (await actOnMission(controller.actor, snapshot, act)) ?? made;
    } catch (error) {
      const refused = refusedPlan(snapshot, plan, act, error);
      if (refused === undefined) throw error;
      return { plan: refused };
    }
  }
  return { plan, made };
};

const reconcileSnapshot = async (controller: MissionController, snapshot: MissionSnapshot): Promise<Outcome> => {
  const { mission } = snapshot;
  const decided = decideMission(snapshot);
  if (mission.metadata.deletionTimestamp !== undefined) return decided.outcome;
  const { plan, made } = await actAll(controller, snapshot, decided);
  const { waitMs } = await controller.status.write({
    kind: missions,
    object: mission,
    before: snapshot.stored,
    after: computeMissionStatus(snapshot, plan, made),
    structural,
    // There is no right to write any elsewhere.
    events: snapshot.isTenant ? missionEvents : () => [],
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
