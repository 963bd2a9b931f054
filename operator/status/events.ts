import { findCondition, type ConditionType } from "#nervous-system/schemas/conditions.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";

/** One Event: what happened, for people who read `kubectl describe`. */
export type StatusEvent = { type: "Normal" | "Warning"; reason: string; note: string };

/** Longest note that the API server takes, in characters. */
const maxNote = 1000;

/** An Event of type Normal. */
export const normal = (reason: string, note: string): StatusEvent => ({
  type: "Normal",
  reason,
  note: note.slice(0, maxNote),
});

/** An Event of type Warning. */
export const warning = (reason: string, note: string): StatusEvent => ({
  type: "Warning",
  reason,
  note: note.slice(0, maxNote),
});

/** A condition that has just taken this status, or this reason; nothing where it had it before. */
export const turned = (
  before: readonly Condition[] | undefined,
  after: readonly Condition[] | undefined,
  type: ConditionType,
  status: Condition["status"],
): Condition | undefined => {
  const old = findCondition(before, type);
  const next = findCondition(after, type);
  const isNew = next?.status === status && (old?.status !== status || old.reason !== next.reason);
  return isNew ? next : undefined;
};
