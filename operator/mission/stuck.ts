import { patternOf } from "#nervous-system/fold/repetition.ts";
import { noWork, type WorkFold } from "#nervous-system/fold/work.ts";
import { durationMs } from "#nervous-system/kernel/duration.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, findCondition, isFinished, isTrue, Reason } from "#nervous-system/schemas/conditions.ts";
import { isResumed } from "#nervous-system/schemas/held.ts";
import { stuck } from "#nervous-system/schemas/resources/mission-limits.ts";
import type { MissionSnapshot, Told } from "#operator/mission/plan.ts";
import { kubeTime } from "#operator/status/fields.ts";

/** What an agent did, and what it may. */
type Look = {
  readonly work: WorkFold;
  /** Since when it has done nothing; absent where its frames may be on their way. */
  readonly quietSinceMs: number | undefined;
  readonly limit: number;
  readonly idleMs: number;
  readonly nowMs: number;
};

/** A rule; what it finds is told of its agent. */
type Rule = (look: Look) => Told | undefined;

const repeatsItself: Rule = ({ work: { actions, action }, limit }) => {
  const { times } = patternOf(actions);
  if (times < limit) return undefined;
  return { reason: Reason.RepeatedAction, message: `has done the same ${times} times in a row: ${action}.` };
};

const goesToAndFro: Rule = ({ work: { changes, file }, limit }) => {
  const { length, times } = patternOf(changes);
  if (times < limit) return undefined;
  const what = length === 1 ? "change" : `${length} changes in turn`;
  return { reason: Reason.AlternatingEdits, message: `has made the same ${what} ${times} times, the last of ${file}.` };
};

const doesNothing: Rule = ({ quietSinceMs = Number.POSITIVE_INFINITY, idleMs, nowMs }) =>
  nowMs - quietSinceMs < idleMs
    ? undefined
    : { reason: Reason.Idle, message: `has done nothing since ${kubeTime(quietSinceMs)}.` };

const rules: readonly Rule[] = [repeatsItself, goesToAndFro, doesNothing];

const defaults = stuck.parse({});

const rulesOf = ({ mission }: MissionSnapshot) => mission.spec.stuck ?? defaults;

const sinceOf = ({ status }: Agent, type: ConditionType): number =>
  Date.parse(findCondition(status?.conditions, type)?.lastTransitionTime ?? "") || 0;

const lookAt = (snapshot: MissionSnapshot, agent: Agent): Look | undefined => {
  const { fold, nowMs } = snapshot;
  const { conditions, attempt } = agent.status ?? {};
  const told = fold?.agents[agent.metadata.uid];
  const isAtWork = isTrue(conditions, ConditionType.Ready) && !isFinished(conditions);
  if (!isAtWork || told === undefined || told.epoch !== attempt) return undefined;
  // A program that never said anything is silent since its pod runs.
  const { work = noWork } = told;
  const { repeatedActionLimit: limit, idle } = rulesOf(snapshot);
  const since = Math.max(work.activeAtMs, sinceOf(agent, ConditionType.Ready));
  const isHeard = isTrue(conditions, ConditionType.Recording);
  return { work, quietSinceMs: isHeard ? since : undefined, limit, idleMs: durationMs(idle), nowMs };
};

const lookAtAll = (snapshot: MissionSnapshot): ReadonlyArray<{ readonly agent: Agent; readonly look: Look }> =>
  [...snapshot.agents.values()].flatMap((agent) => {
    const look = lookAt(snapshot, agent);
    return look === undefined ? [] : [{ agent, look }];
  });

/** In how long an agent at work is taken for stuck if it does nothing until then, milliseconds; infinite where none is, or it is already. */
export const untilIdleMs = (snapshot: MissionSnapshot): number =>
  Math.min(
    ...lookAtAll(snapshot)
      .map(({ look: { quietSinceMs = Number.POSITIVE_INFINITY, idleMs, nowMs } }) => quietSinceMs + idleMs - nowMs)
      .filter((leftMs) => leftMs > 0),
  );

const found = (snapshot: MissionSnapshot): Told | undefined => {
  for (const { agent, look } of lookAtAll(snapshot))
    for (const rule of rules) {
      const told = rule(look);
      if (told !== undefined) return { ...told, message: `Agent "${agent.metadata.name}" ${told.message}` };
    }
  return undefined;
};

/** Whether a mission that is taken for stuck is paused. */
export const pausesForStuck = (snapshot: MissionSnapshot): boolean => rulesOf(snapshot).action === "Pause";

/**
 * Why a mission is taken for stuck. One that pauses for it stays so until a person resumes or suspends it, whatever its agents, which
 * are stopped, did last; so does whatever was told as long as the record is not read up to now.
 */
export const whyStuck = (snapshot: MissionSnapshot): Told | undefined => {
  const { mission, agents, record } = snapshot;
  const isOver = [...agents.values()].every(({ status }) => isFinished(status?.conditions));
  if (mission.spec.suspend || isResumed(mission) || isOver) return undefined;
  const told = findCondition(mission.status?.conditions, ConditionType.Stuck);
  const isPaused = told !== undefined && pausesForStuck(snapshot);
  return isPaused || !record.healthy ? told : found(snapshot);
};
