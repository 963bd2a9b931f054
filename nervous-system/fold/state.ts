import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { Activity } from "./activity.ts";

/** What the fold reads of a stored frame, `place` being its place in the swarm's one order. */
export type FoldInput = Pick<RecordedFrame, "envelope" | "bytes"> & { readonly place: number };

/** Tokens and frames of one agent or one mission. */
export type UsageFold = {
  inputTokens: number;
  outputTokens: number;
  modelCalls: number;
  frames: number;
};

/** What became of one PROPOSAL; the last PUBLICATION about it counts. */
export type PublicationFold = {
  state: "open" | "merged" | "closed" | "refused";
  url: string;
  number: number;
  branch: string;
  head: string;
  reason: string;
  message: string;
  /** When the publisher said so, Unix milliseconds. */
  atMs: number;
};

/** One PROPOSAL of an agent, with its PUBLICATION once there is one. */
export type ProposalFold = { eventId: string; epoch: number; publication?: PublicationFold };

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
  /** Those of the last attempt that proposed anything, newest last, at most `maxProposals`. */
  proposals: readonly ProposalFold[];
};

/** Everything that is remembered of a mission's frames: bounded, and a pure function of the frames. */
export type MissionFold = {
  missionUid: string;
  /** Place in the stream of the last frame folded. */
  lastSeq: number;
  usage: UsageFold;
  agents: Readonly<Record<string, AgentFold>>;
  /** Last sequence number of each `agent_uid/epoch`: what makes a redelivered frame change nothing. */
  chains: Readonly<Record<string, number>>;
};

/** Proposals kept of one agent, each with its publication: no agent's push out another's. */
export const maxProposals = 20;

/** Nothing used yet. */
const noUsage: UsageFold = { inputTokens: 0, outputTokens: 0, modelCalls: 0, frames: 0 };

/** The fold of a mission of which no frame was read. */
export const emptyMission = (missionUid: string): MissionFold => ({
  missionUid,
  lastSeq: 0,
  usage: noUsage,
  agents: {},
  chains: {},
});

/** The fold of an agent of which no frame was read. */
export const emptyAgent: AgentFold = { epoch: 0, seq: 0, usage: noUsage, proposals: [] };
