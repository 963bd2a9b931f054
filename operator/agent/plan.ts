import type { AgentFold } from "#nervous-system/fold/state.ts";
import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import type { Agent, Mission, Model, Persona } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { CheckAnswer } from "#operator/gateway/check.ts";
import type { NetworkView } from "#operator/pod/confinement.ts";
import type { PodEnd } from "#operator/pod/end.ts";
import type { PodFacts } from "#operator/pod/facts.ts";

/** Addresses of the two Services that an agent pod may reach. */
export type Addresses = { collector: string; gateway: string };

/** Durations of an agent's life, in milliseconds. */
export type AgentTimes = {
  /** Time the agent's process gets at SIGTERM. */
  stopMs: number;
  /** Time the scribe gets to hand over what it holds. */
  drainMs: number;
  /** Pause after the first failure; doubled with each further one. */
  failurePauseMs: number;
  /** Pause after the first disruption; doubled with each further one. */
  disruptionPauseMs: number;
  /** Longest pause. */
  longestPauseMs: number;
};

/** Everything that decides what happens to an Agent next, read once. */
export type AgentSnapshot = {
  agent: Agent;
  mission: Mission | undefined;
  model: Model | undefined;
  /** The Persona that it was made to work as, as it is now. */
  persona: Persona | undefined;
  /** The gateway's verdict on the mission's Git Secret, or on its namespace; absent where no pod is about to be made. */
  secret: CheckAnswer | undefined;
  /** Pod of the current attempt; where it decides anything it was read live from the API server. */
  pod: PodFacts | undefined;
  /** Whether `pod` (or its absence) comes from a live GET. */
  podIsLive: boolean;
  /** Pods of earlier attempts that are still there. */
  earlierPods: readonly PodFacts[];
  addresses: Addresses | undefined;
  /** What confines the pods of its namespace; absent where no pod is about to be made. */
  network: NetworkView | undefined;
  fold: AgentFold | undefined;
  /** When the stream was created that the fold is of, as far as any of it was read. */
  stream: string | undefined;
  /** For how long no frame of it was heard, as far as the stream was read meanwhile, in milliseconds. */
  silentMs: number;
  /** Stream sequences are being read and have caught up. */
  framesAreLive: boolean;
  times: AgentTimes;
  nowMs: number;
};

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
type Progress =
  | { kind: "none" }
  /** The number is persisted first, the pod follows. */
  | { kind: "started"; attempt: number }
  | { kind: "alive"; pod: PodFacts }
  | { kind: "ended"; end: PodEnd; pod: PodFacts | undefined };

/** Where the Agent stands, one name for each state that people tell apart. */
type AgentPhase = "Pending" | "Starting" | "Running" | "Draining" | "Retrying" | "Suspended" | "Succeeded" | "Failed";

/** What is to be done about an Agent, and what its status is to say. */
export type AgentPlan = {
  phase: AgentPhase;
  /** Reason and message of condition Ready. */
  reason: string;
  message: string;
  /** A person or the cluster must act: condition Stalled. */
  stalled: boolean;
  progress: Progress;
  acts: readonly AgentAct[];
  outcome: Outcome;
};

/** One step of the decision; the first that answers is the plan. */
export type Step = (snapshot: AgentSnapshot) => AgentPlan | undefined;
