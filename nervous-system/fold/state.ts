import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import type { Activity } from "./activity.ts";

/** A stored frame as the operator reads it. */
export type ObservedFrame = {
  /** Its place in the swarm's one order. */
  streamSeq: number;
  envelope: Envelope;
  payload: Readonly<Record<string, unknown>>;
};

/** Tokens and frames of one agent or one mission. */
export type UsageFold = {
  inputTokens: number;
  outputTokens: number;
  modelCalls: number;
  frames: number;
};

/** One PROPOSAL of an agent. */
export type ProposalFold = { eventId: string; epoch: number };

/** What became of one PROPOSAL; the last PUBLICATION about it counts. */
export type PublicationFold = {
  proposalEventId: string;
  state: "open" | "merged" | "closed" | "refused";
  url: string;
  number: number;
  branch: string;
  head: string;
  reason: string;
  message: string;
};

/** One agent of a mission as its frames tell it. */
export type AgentFold = {
  /** Highest attempt that wrote. */
  epoch: number;
  /** Last sequence number of that attempt. */
  seq: number;
  activity?: Activity;
  /** Its last ERROR, for people. */
  lastError?: string;
  usage: UsageFold;
  /** Newest last. */
  proposals: readonly ProposalFold[];
};

/** Everything the operator remembers of a mission's frames: bounded, and a pure function of the frames. */
export type MissionFold = {
  missionUid: string;
  /** Stream sequence of the last frame folded. */
  lastSeq: number;
  usage: UsageFold;
  agents: Readonly<Record<string, AgentFold>>;
  /** By the PROPOSAL's event id. */
  publications: Readonly<Record<string, PublicationFold>>;
  /** Last sequence number of each `agent_uid/epoch`: what makes a redelivered frame change nothing. */
  chains: Readonly<Record<string, number>>;
};

/** Proposals and publications kept of one agent and one mission. */
export const maxKept = 20;

/** Nothing used yet. */
export const noUsage: UsageFold = { inputTokens: 0, outputTokens: 0, modelCalls: 0, frames: 0 };

/** The fold of a mission of which no frame was read. */
export const emptyMission = (missionUid: string): MissionFold => ({
  missionUid,
  lastSeq: 0,
  usage: noUsage,
  agents: {},
  publications: {},
  chains: {},
});

/** The fold of an agent of which no frame was read. */
export const emptyAgent: AgentFold = { epoch: 0, seq: 0, usage: noUsage, proposals: [] };
