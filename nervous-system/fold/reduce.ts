import { ownOf } from "#nervous-system/kernel/own-of.ts";
import type { FrameType } from "#nervous-system/schemas/frames/catalog.ts";
import { activityAfter, activityOf } from "./activity.ts";
import { answered, proposed } from "./proposals.ts";
import { readFrame, readPayload, type Reading } from "./read-frame.ts";
import {
  emptyAgent,
  maxInterventions,
  type AgentFold,
  type MissionFold,
  type FoldInput,
  type SnapshotFold,
  type UsageFold,
} from "./state.ts";
import { workAfter, workAfterCall } from "./work.ts";

type Envelope = FoldInput["envelope"];
/** A frame whose payload was read. */
type Told = Pick<FoldInput, "envelope" | "bytes"> & { readonly reading: Reading };

// Parsing costs more than the fold: only payloads that say something here are read.
const payloadMatters: ReadonlySet<string> = new Set<FrameType>([
  "ACTION",
  "STATE_CHANGE",
  "PROPOSAL",
  "PUBLICATION",
  "MODEL_CALL",
  "ERROR",
  "HEARTBEAT",
  "SNAPSHOT",
]);

const sum = (a: number, b = 0): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);

const addCost = ({ nanoUsd }: UsageFold, cost: number | undefined): Pick<UsageFold, "nanoUsd"> => {
  if (nanoUsd === undefined && cost === undefined) return {};
  return { nanoUsd: sum(nanoUsd ?? 0, cost) };
};

const addUsage = (usage: UsageFold, { envelope, reading }: Told): UsageFold => {
  const counted = { ...usage, frames: usage.frames + 1 };
  if (reading.type !== "MODEL_CALL" || envelope.producer !== "gateway") return counted;
  return {
    ...counted,
    modelCalls: usage.modelCalls + 1,
    inputTokens: sum(usage.inputTokens, reading.said.input_tokens),
    outputTokens: sum(usage.outputTokens, reading.said.output_tokens),
    ...addCost(usage, reading.said.cost_nano_usd),
  };
};

const keptBy = (before: SnapshotFold | undefined, { envelope, reading }: Told): SnapshotFold | undefined => {
  const { epoch, seq } = envelope;
  const manifest = reading.type === "SNAPSHOT" ? reading.said.manifest : undefined;
  return manifest === undefined || epoch < (before?.epoch ?? 0) ? before : { epoch, seq, manifest };
};

// The agent's own chain: position, error and activity move only with its newest attempt, late frames of an old one still count.
const ownFrame = (before: AgentFold, told: Told): AgentFold => {
  const { envelope, reading } = told;
  const snapshot = keptBy(before.snapshot, told);
  const agent = snapshot === undefined ? before : { ...before, snapshot };
  const proposals = reading.type === "PROPOSAL" ? proposed(agent.proposals, told, reading.said) : agent.proposals;
  if (envelope.epoch < agent.epoch) return { ...agent, proposals };
  const { activity: last, work: done, ...rest } = agent;
  // What an attempt did at its end is nothing that the next one does.
  const isNext = envelope.epoch > agent.epoch;
  const activity = activityAfter(isNext ? undefined : last, activityOf(envelope, reading));
  const work = workAfter(isNext ? undefined : done, envelope, reading);
  return {
    ...rest,
    proposals,
    epoch: envelope.epoch,
    seq: envelope.seq,
    ...(activity === undefined ? {} : { activity }),
    ...(work === undefined ? {} : { work }),
    ...(reading.type === "ERROR" ? { lastError: (reading.said.message ?? "").slice(0, 512) } : {}),
  };
};

// Only the publisher's identity may say what became of a proposal; the collector checked it, the fold does not rely on that.
const published = (agent: AgentFold, { envelope, reading }: Told): AgentFold =>
  reading.type === "PUBLICATION" && envelope.producer === "supervisor"
    ? { ...agent, proposals: answered(agent.proposals, reading.said, envelope) }
    : agent;

const called = (agent: AgentFold, { envelope, reading }: Told): AgentFold =>
  reading.type === "MODEL_CALL" && envelope.producer === "gateway" && envelope.about?.epoch === agent.epoch
    ? { ...agent, work: workAfterCall(agent.work, envelope) }
    : agent;

const isOwnChain = ({ producer }: Envelope): boolean => producer === "agent" || producer === "scribe";

const withAgent = (mission: MissionFold, told: Told): MissionFold => {
  const { envelope } = told;
  const own = isOwnChain(envelope);
  const uid = own ? envelope.agent_uid : envelope.about?.agent_uid;
  if (uid === undefined) return mission;
  const agent = ownOf(mission.agents, uid) ?? emptyAgent;
  const next = own ? ownFrame(agent, told) : called(published(agent, told), told);
  return { ...mission, agents: { ...mission.agents, [uid]: { ...next, usage: addUsage(agent.usage, told) } } };
};

// Told twice, as by two operators in a row, it is one act: the first place counts.
const placedIntervention = (
  { interventions }: MissionFold,
  { event_type: type, event_id: id, producer }: Envelope,
  place: number,
): MissionFold["interventions"] => {
  if (type !== "INTERVENTION" || producer !== "operator" || Object.hasOwn(interventions, id)) return interventions;
  return Object.fromEntries([...Object.entries(interventions), [id, place]].slice(-maxInterventions));
};

/**
 * The mission's fold after one more frame. Frames come in stream order; one whose chain position was folded before
 * changes nothing, so redelivery and overlap of a rebuild are harmless.
 */
export const reduceMission = (mission: MissionFold, { envelope, bytes, place }: FoldInput): MissionFold => {
  const chain = `${envelope.agent_uid}/${envelope.epoch}`;
  if (envelope.seq <= (mission.chains[chain] ?? 0)) return mission;
  const { event_type: type } = envelope;
  const told = {
    envelope,
    bytes,
    reading: payloadMatters.has(type) ? readFrame(type, bytes) : readPayload(type, undefined),
  };
  const placed: MissionFold = {
    ...mission,
    lastSeq: Math.max(mission.lastSeq, place),
    usage: addUsage(mission.usage, told),
    chains: { ...mission.chains, [chain]: envelope.seq },
    interventions: placedIntervention(mission, envelope, place),
  };
  return withAgent(placed, told);
};
