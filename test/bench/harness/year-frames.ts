import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { readSourceText } from "#test/builders/source-text.ts";
import { swarmMix, swarmPayloads, type SwarmType } from "#test/builders/swarm-payloads.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { seededRandom, type Random } from "#test/simulation/random.ts";

/** The year that frames are of, its first moment in Unix milliseconds and its days. */
export const year = { beganMs: Date.parse("2026-01-01T00:00:00Z"), days: 365 } as const;

/** When the mission begins that is asked about. */
const askedMissionMs = Date.parse("2026-06-15T03:40:00Z");

const CREW = ["coder-1", "coder-2", "coder-3", "coder-4", "coder-5"] as const;
const FRAMES_AN_AGENT = 100;
/** Frames of a mission. */
export const FRAMES_A_MISSION = CREW.length * FRAMES_AN_AGENT;
const MISSION_MS = 2 * 3_600_000;

const weights = Object.entries<number>({ ...swarmMix.agent, ...swarmMix.gateway, ...swarmMix.supervisor });
const WHOLE = weights.reduce((sum, [, weight]) => sum + weight, 0);

const pickType = (random: Random): SwarmType => {
  let dice = random.next() * WHOLE;
  return (weights.find(([, weight]) => (dice -= weight) < 0)?.[0] ?? "THOUGHT") as SwarmType;
};

type Scene = { readonly random: Random; readonly text: ReturnType<typeof readSourceText>; readonly mission: number };

/** Moments of one agent's frames, Unix nanoseconds, in order. */
const momentsOf = (random: Random, beganMs: number): bigint[] =>
  Array.from({ length: FRAMES_AN_AGENT }, () => Math.floor(random.next() * MISSION_MS * 1_000))
    .toSorted((a, b) => a - b)
    .map((us, n) => BigInt(beganMs) * 1_000_000n + BigInt(us) * 1_000n + BigInt(n));

const framesOf = ({ random, text, mission }: Scene, agent: number, beganMs: number): RecordedFrame[] => {
  const uids = { agent_uid: agentUid(mission * CREW.length + agent + 1), mission_uid: agentUid(1_000_000 + mission) };
  const chain = chainBuilder({ ...uids, mission: `mission-${mission}`, persona: "Coder" });
  return momentsOf(random, beganMs).map((observed, n) => {
    const type = pickType(random);
    // In the mission that is asked about two speak with each other.
    const crew = mission === 0 ? CREW.slice(0, 2) : CREW;
    const payload = swarmPayloads[type]({ random, text, crew, n: mission * 1_000 + agent * 100 + n });
    const event = { event_type: type, event_id: random.ids.next(), agent_id: CREW[agent], payload };
    return chain.next(event, { observed: String(observed) });
  });
};

const observedNs = ({ envelope }: RecordedFrame): bigint => BigInt(envelope.observed);

/**
 * What missions of one namespace record in a year, each of five agents for two hours and 500 frames, in the stream's order; `first`
 * is the number of the first of them, where a year is made in parts.
 */
export const yearFrames = (missions: number, first = 0): StoredFrame[] => {
  const [random, text] = [seededRandom(14 + first), readSourceText()];
  const frames = Array.from({ length: missions }, (_, index) => {
    const mission = first + index;
    const anyMs = year.beganMs + random.between(0, year.days * 86_400_000 - MISSION_MS);
    const beganMs = mission === 0 ? askedMissionMs : anyMs;
    return CREW.flatMap((_, agent) => framesOf({ random, text, mission }, agent, beganMs));
  }).flat();
  return frames
    .toSorted((a, b) => Number(observedNs(a) - observedNs(b)))
    .map((frame, n) => ({
      ...frame,
      place: first * FRAMES_A_MISSION + n + 1,
      storedNs: observedNs(frame) + 1_000_000n,
    }));
};
