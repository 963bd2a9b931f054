import { activityOf } from "./activity.ts";
import {
  emptyAgent,
  maxKept,
  type AgentFold,
  type MissionFold,
  type ObservedFrame,
  type PublicationFold,
  type UsageFold,
} from "./state.ts";

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const countOf = (value: unknown): number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;

const addUsage = (usage: UsageFold, { envelope, payload }: ObservedFrame): UsageFold => {
  const counted = { ...usage, frames: usage.frames + 1 };
  if (envelope.event_type !== "MODEL_CALL" || envelope.producer !== "gateway") return counted;
  return {
    ...counted,
    modelCalls: usage.modelCalls + 1,
    inputTokens: Math.min(usage.inputTokens + countOf(payload["input_tokens"]), Number.MAX_SAFE_INTEGER),
    outputTokens: Math.min(usage.outputTokens + countOf(payload["output_tokens"]), Number.MAX_SAFE_INTEGER),
  };
};

type AgentStep = (agent: AgentFold, frame: ObservedFrame) => AgentFold;

const failed: AgentStep = (agent, { payload }) => ({
  ...agent,
  lastError: textOf(payload["message"]).slice(0, 512),
});

const proposed: AgentStep = (agent, { envelope: { event_id: eventId, epoch } }) => ({
  ...agent,
  proposals: [...agent.proposals, { eventId, epoch }].slice(-maxKept),
});

const steps: Readonly<Record<string, AgentStep>> = {
  ERROR: failed,
  PROPOSAL: proposed,
};

const stepOf = (type: string): AgentStep | undefined => (Object.hasOwn(steps, type) ? steps[type] : undefined);

// The agent's own chain: position and activity move only with its newest attempt, late frames of an old one still count.
const ownFrame: AgentStep = (agent, frame) => {
  const { envelope } = frame;
  const counted = { ...agent, usage: addUsage(agent.usage, frame) };
  if (envelope.epoch < agent.epoch) return envelope.event_type === "PROPOSAL" ? proposed(counted, frame) : counted;
  const activity = activityOf(frame);
  const moved = {
    ...counted,
    epoch: envelope.epoch,
    seq: envelope.seq,
    ...(activity === undefined ? {} : { activity }),
  };
  return stepOf(envelope.event_type)?.(moved, frame) ?? moved;
};

const aboutAgent: AgentStep = (agent, frame) => ({
  ...agent,
  usage: addUsage(agent.usage, frame),
});

const isOwnChain = ({ envelope }: ObservedFrame): boolean =>
  envelope.producer === "agent" || envelope.producer === "scribe";

const withAgent = (mission: MissionFold, frame: ObservedFrame): MissionFold => {
  const own = isOwnChain(frame);
  const uid = own ? frame.envelope.agent_uid : frame.envelope.about?.agent_uid;
  if (uid === undefined) return mission;
  const agent = mission.agents[uid] ?? emptyAgent;
  const next = own ? ownFrame(agent, frame) : aboutAgent(agent, frame);
  return { ...mission, agents: { ...mission.agents, [uid]: next } };
};

const publicationStates = ["open", "merged", "closed", "refused"] as const;

const publicationOf = (payload: ObservedFrame["payload"]): PublicationFold | undefined => {
  const state = publicationStates.find((known) => known === payload["state"]);
  const proposalEventId = textOf(payload["proposal_event_id"]);
  if (state === undefined || proposalEventId === "") return undefined;
  return {
    proposalEventId,
    state,
    url: textOf(payload["url"]).slice(0, 512),
    number: countOf(payload["number"]),
    branch: textOf(payload["branch"]).slice(0, 255),
    head: textOf(payload["head"]).slice(0, 64),
    reason: textOf(payload["reason"]).slice(0, 64),
    message: textOf(payload["message"]).slice(0, 1024),
  };
};

const withPublication = (mission: MissionFold, frame: ObservedFrame): MissionFold => {
  // Only the publisher's identity may say what stands on the forge; the collector checked it, the fold does not rely on that.
  if (frame.envelope.event_type !== "PUBLICATION" || frame.envelope.producer !== "supervisor") return mission;
  const told = publicationOf(frame.payload);
  if (told === undefined) return mission;
  const kept = Object.entries({ ...mission.publications, [told.proposalEventId]: told });
  return { ...mission, publications: Object.fromEntries(kept.slice(-maxKept)) };
};

/**
 * The mission's fold after one more frame. Frames come in stream order; one whose chain position was folded before
 * changes nothing, so redelivery and overlap of a rebuild are harmless.
 */
export const reduceMission = (mission: MissionFold, frame: ObservedFrame): MissionFold => {
  const { envelope, streamSeq } = frame;
  const chain = `${envelope.agent_uid}/${envelope.epoch}`;
  if (envelope.seq <= (mission.chains[chain] ?? 0)) return mission;
  const placed: MissionFold = {
    ...mission,
    lastSeq: Math.max(mission.lastSeq, streamSeq),
    usage: addUsage(mission.usage, frame),
    chains: { ...mission.chains, [chain]: envelope.seq },
  };
  return withPublication(withAgent(placed, frame), frame);
};
