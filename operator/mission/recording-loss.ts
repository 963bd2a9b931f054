import { durationMs } from "#nervous-system/kernel/duration.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, findCondition, isFinished, Reason } from "#nervous-system/schemas/conditions.ts";
import { isResumed } from "#nervous-system/schemas/held.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";
import { missionRecording } from "#nervous-system/schemas/resources/recording.ts";
import type { MissionSnapshot, Told } from "#operator/mission/plan.ts";

const unrecorded: ReadonlySet<string> = new Set([Reason.RecordingUnhealthy, Reason.ScribeDied]);

/** An agent at work that is not recorded, and what it says of that. */
type Unrecorded = { readonly agent: Agent; readonly told: Condition };

/** Agents at work whose frames do not come through, or whose scribe ended beside them. */
export const unrecordedAgents = ({ agents }: Pick<MissionSnapshot, "agents">): readonly Unrecorded[] =>
  [...agents.values()].flatMap((agent) => {
    const { conditions } = agent.status ?? {};
    const told = findCondition(conditions, ConditionType.Recording);
    const isLost = told?.status === "False" && unrecorded.has(told.reason) && !isFinished(conditions);
    return isLost ? [{ agent, told }] : [];
  });

const defaults = missionRecording.parse({});

const leftMs = ({ mission, nowMs }: MissionSnapshot, { told }: Unrecorded): number => {
  const { grace } = mission.spec.recording ?? defaults;
  return Date.parse(told.lastTransitionTime) + durationMs(grace) - nowMs;
};

const pausesForLoss = ({ mission }: MissionSnapshot): boolean =>
  (mission.spec.recording ?? defaults).onLoss === "Pause";

/** In how long an agent will have worked unrecorded for as long as it may, milliseconds; infinite where none is to be stopped. */
export const untilLostMs = (snapshot: MissionSnapshot): number =>
  pausesForLoss(snapshot)
    ? Math.min(...unrecordedAgents(snapshot).map((one) => Math.max(0, leftMs(snapshot, one))))
    : Number.POSITIVE_INFINITY;

/** Why a mission pauses because it is not recorded; one that does so stays so until a person resumes or suspends it. */
export const whyLost = (snapshot: MissionSnapshot): Told | undefined => {
  const { mission, agents } = snapshot;
  const isOver = [...agents.values()].every(({ status }) => isFinished(status?.conditions));
  if (mission.spec.suspend || isResumed(mission) || isOver || !pausesForLoss(snapshot)) return undefined;
  const before = findCondition(mission.status?.conditions, ConditionType.Recording);
  if (before?.reason === Reason.RecordingLost) return before;
  const lost = unrecordedAgents(snapshot).find((one) => leftMs(snapshot, one) <= 0);
  if (lost === undefined) return undefined;
  const { agent, told } = lost;
  const message = `Agent "${agent.metadata.name}" has worked unrecorded since ${told.lastTransitionTime}: ${told.message}`;
  return { reason: Reason.RecordingLost, message };
};
