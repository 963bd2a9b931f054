import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { Activity } from "./activity.ts";
import type { WorkFold } from "./work.ts";

/** What the fold reads of a stored frame, `place` being its place in the swarm's one order. */
export type FoldInput = Pick<RecordedFrame, "envelope" | "bytes"> & { readonly place: number };

/** Tokens, frames and money of one agent or one mission. */
export type UsageFold = {
  inputTokens: number;
  outputTokens: number;
  modelCalls: number;
  frames: number;
  /** Billionths of a dollar; absent where no call had a price. */
  nanoUsd?: number;
};

/** What became of one PROPOSAL; the last PUBLICATION about it counts. */
export type PublicationFold = {
  state: "open" | "merged" | "closed" | "refused";
  url: string;
  number: number;
  branch: string;
  /** Clone URL of the fork that the branch is in; absent where it is in the repository itself. */
  fork?: string;
  head: string;
  reason: string;
  message: string;
  /** When the publisher said so, Unix milliseconds. */
  atMs: number;
};

/** One PROPOSAL of an agent, known by its place in the agent's chain: nobody but the recorder gives that. */
export type ProposalFold = {
  epoch: number;
  seq: number;
  /** What the agent calls it: for people, and never what it is known by. */
  eventId: string;
};

/** One PROPOSAL that has no answer yet, and what it asks. */
export type OpenProposalFold = ProposalFold & {
  /** Digest of exactly what is proposed. */
  argsDigest: string;
  /** In the agent's words, of one line. */
  title: string;
  /** Commit that is proposed. */
  head: string;
  /** How many files it says that it changes. */
  files: number;
};

/** One PROPOSAL with what became of it. */
export type AnsweredFold = ProposalFold & { publication: PublicationFold };

/**
 * What an agent proposed and what became of it. An agent has one branch, on which the publisher replaces a proposal by a later
 * one only, so all that counts is small: what may still be pushed, what the branch holds, and what was refused.
 */
export type ProposalsFold = {
  /** Newest attempt that proposed anything; 0 where none did. */
  epoch: number;
  /** Those that have no answer yet, of whatever attempt, at most `maxOpenProposals`. None of them leaves without its answer. */
  open: readonly OpenProposalFold[];
  /** Whether there was one too many to be kept. */
  tooMany: boolean;
  /** The last one that was pushed: what the agent's branch holds. */
  published?: AnsweredFold;
  /** The first of the newest attempt that was refused, or whose pull request was closed. */
  refused?: AnsweredFold;
};

/** The state that an agent kept last, for its next attempt to go on from. */
export type SnapshotFold = {
  epoch: number;
  seq: number;
  /** Digest of the blob that says what it consists of. */
  manifest: string;
};

/** One agent of a mission as its frames tell it. */
export type AgentFold = {
  /** Highest attempt that wrote. */
  epoch: number;
  /** Last sequence number of that attempt. */
  seq: number;
  activity?: Activity;
  /** What that attempt did so far. */
  work?: WorkFold;
  /** Its last ERROR, for people. */
  lastError?: string;
  usage: UsageFold;
  proposals: ProposalsFold;
  /** Kept by the newest attempt that kept any. */
  snapshot?: SnapshotFold;
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
  /** Places of the INTERVENTION frames of late, by event id: at most `maxInterventions`, oldest first. */
  interventions: Readonly<Record<string, number>>;
};

/** Proposals of one agent that may wait for their answers; one more and its mission is refused what it proposes. */
export const maxOpenProposals = 20;

/** INTERVENTION frames of a mission that are remembered; whoever wrote one waits for its place. */
export const maxInterventions = 64;

/** Nothing used yet. */
const noUsage: UsageFold = { inputTokens: 0, outputTokens: 0, modelCalls: 0, frames: 0 };

/** The fold of a mission of which no frame was read. */
export const emptyMission = (missionUid: string): MissionFold => ({
  missionUid,
  lastSeq: 0,
  usage: noUsage,
  agents: {},
  chains: {},
  interventions: {},
});

const noProposals: ProposalsFold = { epoch: 0, open: [], tooMany: false };

/** The fold of an agent of which no frame was read. */
export const emptyAgent: AgentFold = { epoch: 0, seq: 0, usage: noUsage, proposals: noProposals };
