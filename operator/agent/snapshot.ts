import type { Agent, Mission, Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { AgentFold } from "#nervous-system/fold/state.ts";
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
  /** Pod of the current attempt; where it decides anything it was read live from the API server. */
  pod: PodFacts | undefined;
  /** Whether `pod` (or its absence) comes from a live GET. */
  podIsLive: boolean;
  /** Pods of earlier attempts that are still there. */
  earlierPods: readonly PodFacts[];
  addresses: Addresses | undefined;
  fold: AgentFold | undefined;
  /** Stream sequences are being read and have caught up. */
  framesAreLive: boolean;
  times: AgentTimes;
  nowMs: number;
};
