import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { AgentPlan, Phase } from "#operator/agent/plan.ts";
import type { AgentSnapshot } from "#operator/agent/snapshot.ts";
import { deletion } from "#operator/agent/phase-deletion.ts";
import { alive, endOfPod } from "./attempt-steps.ts";
import { finished } from "#operator/agent/phase-finished.ts";
import { nextAttempt } from "#operator/agent/phase-attempt.ts";
import { suspended } from "#operator/agent/phase-suspended.ts";

/*
 *            attempt n persisted     pod n seen            pod n terminal or gone (live GET)
 *  Pending ────────────────────> Starting ──> Running ──────────────────────────────> end recorded, pod n released
 *     ^                                                                                   │
 *     └───────────── after the pause, attempt n+1 ───────────── Retrying <────────────────┤
 *                                                      Succeeded | Failed <───────────────┘
 */
const phases: readonly Phase<AgentSnapshot>[] = [deletion, finished, endOfPod, suspended, alive, nextAttempt];

/** Decides what happens to an Agent next: the first phase that answers. */
export const decideAgent = (snapshot: AgentSnapshot): AgentPlan => {
  for (const phase of phases) {
    const plan = phase(snapshot);
    if (plan !== undefined) return plan;
  }
  return {
    stand: "Pending",
    reason: Reason.PodPending,
    message: "Nothing is to be done.",
    stalled: false,
    progress: { kind: "none" },
    acts: [],
    outcome: { kind: "done" },
  };
};
