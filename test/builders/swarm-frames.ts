import type { Envelope, RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { seededRandom, type Random } from "#test/simulation/random.ts";
import { readSourceText, type SourceText } from "./source-text.ts";
import { swarmMix, swarmPayloads, type SwarmType } from "./swarm-payloads.ts";

/** How large a swarm is: teams are namespaces, each with missions, each with agents. */
export type SwarmSize = {
  readonly seed: number;
  readonly teams: number;
  readonly missions: number;
  readonly agents: number;
};

/** A swarm that records. */
export type SwarmFrames = {
  readonly namespaces: readonly string[];
  /** The next frames of one author's chain, whoever's turn it is by the mix. */
  burst(count: number): RecordedFrame[];
};

type Kind = keyof typeof swarmMix;
type Author = {
  readonly kind: Kind;
  readonly uid: string;
  readonly name: string;
  readonly chain: ReturnType<typeof chainBuilder>;
};
type Mission = {
  readonly crew: readonly string[];
  readonly authors: Readonly<Record<Kind, readonly Author[]>>;
  /** Proposals that wait for their answer: whose, and at which place of its chain. */
  readonly proposals: Array<{ readonly uid: string; readonly seq: number }>;
};

const weighted = <K extends string>(random: Random, weights: Readonly<Record<K, number>>): K => {
  const entries = Object.entries<number>(weights) as [K, number][];
  let left = random.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [key, weight] of entries) if ((left -= weight) < 0) return key;
  return (entries[0] as [K, number])[0];
};

const total = (weights: Readonly<Record<string, number>>): number => Object.values(weights).reduce((a, b) => a + b, 0);
const kindWeights = {
  agent: total(swarmMix.agent),
  gateway: total(swarmMix.gateway),
  supervisor: total(swarmMix.supervisor),
} satisfies Record<Kind, number>;

const uuid = (prefix: number, n: number): string => `${prefix}${agentUid(n).slice(8)}`;

/** Numbers agents over all missions, so that no two have one chain. */
const counter = (): (() => number) => {
  let n = 0;
  return () => (n += 1);
};

const authorOf = (kind: Kind, n: number, name: string, mission: Partial<Envelope>): Author => {
  const uid = agentUid(n);
  const producer = kind === "agent" ? { producer: "agent" as const, persona: "Coder" } : { producer: kind };
  const recorder = kind === "agent" ? ("scribe" as const) : kind;
  return { kind, uid, name, chain: chainBuilder({ ...mission, ...producer, recorder, agent_uid: uid }) };
};

const missionOf = (namespace: string, number: number, agents: number, next: () => number): Mission => {
  const of = { namespace, mission: `mission-${number}`, mission_uid: uuid(33333333, next()) };
  const crew = Array.from({ length: agents }, (_, n) => `coder-${n + 1}`);
  const component = (kind: Kind): readonly Author[] => [authorOf(kind, next(), `${kind}-0`, of)];
  const authors = {
    agent: crew.map((name) => authorOf("agent", next(), name, of)),
    gateway: component("gateway"),
    supervisor: component("supervisor"),
  };
  return { crew, authors, proposals: [] };
};

type Speaker = {
  readonly random: Random;
  readonly text: SourceText;
  readonly mission: Mission;
  readonly author: Author;
};

/** What a supervisor answers, and a gateway tells, is about an agent. */
const aboutOf = ({ random, mission, author }: Speaker, type: SwarmType) => {
  const answered = type === "PUBLICATION" ? mission.proposals.shift() : undefined;
  if (author.kind === "agent") return { stamps: {}, more: {} };
  const uid = answered?.uid ?? random.pick(mission.authors.agent).uid;
  return {
    stamps: { about: { agent_uid: uid, epoch: 1 } },
    more: answered === undefined ? {} : { proposal_seq: answered.seq },
  };
};

const say = (speaker: Speaker, n: number): RecordedFrame => {
  const { random, text, mission, author } = speaker;
  const type: SwarmType = weighted<SwarmType>(random, swarmMix[author.kind] as Record<SwarmType, number>);
  const { stamps, more } = aboutOf(speaker, type);
  const payload = { ...swarmPayloads[type]({ random, text, crew: mission.crew, n }), ...more };
  const event = { event_type: type, event_id: random.ids.next(), agent_id: author.name, payload };
  const frame = author.chain.next(event, stamps);
  if (type === "PROPOSAL") mission.proposals.push({ uid: author.uid, seq: frame.envelope.seq });
  return frame;
};

/** Creates a swarm whose agents have said nothing yet. */
export const createSwarmFrames = ({ seed, teams, missions, agents }: SwarmSize): SwarmFrames => {
  const [random, text, next] = [seededRandom(seed), readSourceText(), counter()];
  const namespaces = Array.from({ length: teams }, (_, n) => `team-${n + 1}`);
  const all = namespaces.flatMap((namespace) =>
    Array.from({ length: missions }, (_, n) => missionOf(namespace, n + 1, agents, next)),
  );
  let said = 0;
  return {
    namespaces,
    burst: (count) => {
      const mission = random.pick(all);
      const author = random.pick(mission.authors[weighted(random, kindWeights)]);
      return Array.from({ length: count }, () => say({ random, text, mission, author }, (said += 1)));
    },
  };
};
