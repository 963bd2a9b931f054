import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isFinished } from "#nervous-system/schemas/conditions.ts";

/** Whether the program of one of these agents runs, though something else of its pod may wait for a person. */
export const anyRuns = (agents: Iterable<Agent>): boolean =>
  [...agents].some(({ status }) => status?.phase === "Running" && !isFinished(status.conditions));
