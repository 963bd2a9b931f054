import { ConditionType, Reason } from "#nervous-system/schemas/conditions.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { normal, turned, warning, type StatusEvent } from "#operator/status/events.ts";

const attempts = (before: AgentStatus, after: AgentStatus): StatusEvent[] =>
  after.attempt !== undefined && after.attempt !== before.attempt
    ? [normal(Reason.AttemptStarted, `Attempt ${after.attempt} starts in pod "${after.podName ?? ""}".`)]
    : [];

const ends = (before: AgentStatus, after: AgentStatus): StatusEvent[] => {
  const told = new Set(before.history?.map(({ attempt }) => attempt));
  return (after.history ?? [])
    .filter(({ attempt }) => !told.has(attempt))
    .map(({ attempt, reason, message = "", disruption }) => {
      const note = `Attempt ${attempt}: ${message}`;
      if (reason === Reason.Succeeded || reason === Reason.Suspended) return normal(reason, note);
      return warning(disruption === true ? Reason.AttemptDisrupted : Reason.AttemptFailed, `${note} (${reason})`);
    });
};

const recordGap = (before: AgentStatus, after: AgentStatus): StatusEvent[] => {
  const gap = turned(before.conditions, after.conditions, ConditionType.Recording, "False");
  return gap === undefined ? [] : [warning(gap.reason, gap.message)];
};

const troubles = (before: AgentStatus, after: AgentStatus): StatusEvent[] => {
  const stalled = turned(before.conditions, after.conditions, ConditionType.Stalled, "True");
  return stalled === undefined ? [] : [warning(stalled.reason, stalled.message)];
};

/** What happened between two statuses of an Agent, as Events. */
export const agentEvents = (before: AgentStatus, after: AgentStatus): StatusEvent[] => [
  ...attempts(before, after),
  ...ends(before, after),
  ...recordGap(before, after),
  ...troubles(before, after),
];
