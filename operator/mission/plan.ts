import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";

/** One effect on the API server. All of them happen before the status is written, and each may happen twice. */
export type MissionAct =
  | { kind: "createAgent"; member: string }
  | { kind: "suspendAgent"; agent: Agent; suspend: boolean }
  | { kind: "allowHosts"; agent: Agent; hosts: readonly string[] }
  | { kind: "createVerifier"; attempt: number; ref: string; commit: string }
  | { kind: "deleteVerifier"; pod: PodFacts };

/** Where the Mission stands, one name for each state that people tell apart. */
export type MissionStand = "Pending" | "Running" | "Suspended" | "Publishing" | "Verifying" | "Complete" | "Failed";

/** How a mission ended. */
export type Ending = { reason: string; message: string; evidence?: string | undefined };

/** What is to be done about a Mission, and what its status is to say. */
export type MissionPlan = {
  stand: MissionStand;
  reason: string;
  message: string;
  /** A person must act: condition Stalled. */
  stalled: boolean;
  /** Present while not admitted: which of the conditions of admission is False. */
  refused?: "Accepted" | "ResolvedRefs" | "Recording";
  ending?: Ending;
  /** Exit code of the criteria, once they ran. */
  verifierExitCode?: number | undefined;
  acts: readonly MissionAct[];
  outcome: Outcome;
};

/** An answer of one phase; the first phase that answers is the plan. */
export type Phase<S> = (snapshot: S) => MissionPlan | undefined;

/** A plan that waits for someone else. */
export const waitingPlan = (
  fields: Pick<MissionPlan, "stand" | "reason" | "message"> & Partial<MissionPlan>,
  recheckMs: number,
): MissionPlan => ({
  stalled: false,
  acts: [],
  outcome: { kind: "waiting", reason: fields.reason, message: fields.message, recheckMs },
  ...fields,
});

/** The plan of a mission that is over. */
export const endingPlan = (stand: "Complete" | "Failed", ending: Ending, verifierExitCode?: number): MissionPlan => ({
  stand,
  reason: ending.reason,
  message: ending.message,
  stalled: stand === "Failed",
  ending,
  verifierExitCode,
  acts: [],
  outcome:
    stand === "Complete" ? { kind: "done" } : { kind: "stalled", reason: ending.reason, message: ending.message },
});
