import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import type { PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";

/** One effect on the API server; each may happen twice. A new attempt and an end are in the status before any of them. */
export type AgentAct =
  | { kind: "createPod"; attempt: number }
  | { kind: "deletePod"; pod: PodFacts }
  /** Removes the pod's finalizer: what it left behind is in the status, or nobody waits for it any longer. */
  | { kind: "releasePod"; pod: PodFacts }
  /** Removes the Agent's finalizer. */
  | { kind: "releaseAgent" }
  /** Tells people that the record may lack the end of this attempt. */
  | { kind: "warnOfGap"; message: string };

/** What became of the current attempt, as the status takes it over. */
export type Progress =
  | { kind: "none" }
  /** The number is persisted first, the pod follows. */
  | { kind: "started"; attempt: number }
  | { kind: "alive"; pod: PodFacts }
  | { kind: "ended"; end: PodEnd; pod: PodFacts | undefined };

/** Where the Agent stands, one name for each state that people tell apart. */
export type Stand = "Pending" | "Starting" | "Running" | "Draining" | "Retrying" | "Suspended" | "Succeeded" | "Failed";

/** What is to be done about an Agent, and what its status is to say. */
export type AgentPlan = {
  stand: Stand;
  /** Reason and message of condition Ready. */
  reason: string;
  message: string;
  /** A person or the cluster must act: condition Stalled. */
  stalled: boolean;
  progress: Progress;
  acts: readonly AgentAct[];
  outcome: Outcome;
};

/** An answer of one phase; the first phase that answers is the plan. */
export type Phase<S> = (snapshot: S) => AgentPlan | undefined;
