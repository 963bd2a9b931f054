import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import { envelopeText, type Envelope } from "#nervous-system/schemas/envelope.ts";
import { seededRandom, type Random } from "#test/simulation/random.ts";

/** One frame of a corpus as its author knows it: an oracle filters these. */
export type Told = {
  readonly namespace: string;
  readonly mission: string;
  readonly agent: string;
  readonly agentUid: string;
  readonly persona: string;
  readonly epoch: number;
  readonly seq: number;
  readonly atMs: number;
  readonly place: number;
  readonly type: string;
  readonly eventId: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** `<agent uid>/<epoch>` that a component's frame is about. */
  readonly about?: string;
};

/** What missions said and did, in the order of the stream. */
export type Corpus = { readonly told: readonly Told[]; readonly frames: readonly StoredFrame[] };

/** How large a corpus is. */
export type CorpusSize = {
  readonly seed: number;
  readonly namespaces: number;
  readonly missions: number;
  readonly steps: number;
  /** Name of the one namespace, in place of `team-0`. */
  readonly inNamespace?: string;
};

/** When every corpus begins, Unix milliseconds. */
const corpusBegan = Date.parse("2026-11-30T03:00:00Z");

const crew = [
  { agent: "ada", persona: "Architect" },
  { agent: "ben", persona: "Junior Coder" },
  { agent: "cleo", persona: "Reviewer" },
] as const;
const topics = ["the database schema", "the login page", "Retries of the queue", "naïve caching — 缓存"] as const;
const paths = ["src/db/schema.sql", "src/db/pool.ts", "src/login.ts", "docs/queue.md"] as const;

type Chain = { seq: number; prevHash: string; epoch: number };
type Author = {
  readonly agent: string;
  readonly uid: string;
  readonly persona: string;
  readonly recorder: Envelope["recorder"];
};
type Scene = {
  readonly random: Random;
  readonly namespace: string;
  readonly mission: string;
  readonly missionUid: string;
};
type Event = { readonly type: string; readonly payload: Record<string, unknown>; readonly about?: Envelope["about"] };

/** Puts frames into one stream. */
class Stream {
  readonly told: Told[] = [];
  readonly frames: StoredFrame[] = [];
  private readonly chains = new Map<string, Chain>();
  private atMs = corpusBegan;

  crash({ uid }: Author): void {
    const { epoch } = this.chainOf(uid);
    this.chains.set(uid, { seq: 0, prevHash: zeroHash, epoch: epoch + 1 });
  }

  chainOf(uid: string): Chain {
    const chain = this.chains.get(uid) ?? { seq: 0, prevHash: zeroHash, epoch: 1 };
    this.chains.set(uid, chain);
    return chain;
  }

  say(scene: Scene, author: Author, { type, payload, about }: Event): Told {
    const chain = this.chainOf(author.uid);
    chain.seq += 1;
    this.atMs += 1 + scene.random.between(0, 900);
    const place = this.frames.length + 1;
    const eventId = scene.random.ids.next();
    const envelope: Envelope = {
      agent_uid: author.uid,
      mission_uid: scene.missionUid,
      mission: scene.mission,
      namespace: scene.namespace,
      lineage: 0,
      producer: author.recorder === "scribe" ? "agent" : author.recorder === "collector" ? "agent" : author.recorder,
      recorder: author.recorder,
      epoch: chain.epoch,
      seq: chain.seq,
      observed: `${this.atMs}000000`,
      event_type: type,
      event_id: eventId,
      ...(author.persona === "" ? {} : { persona: author.persona }),
      ...(about === undefined ? {} : { about }),
    };
    this.store(envelope, { event_id: eventId, event_type: type, agent_id: author.agent, payload }, chain);
    const { namespace, mission } = scene;
    const { agent, uid: agentUid, persona } = author;
    const who = { namespace, mission, agent, agentUid, persona, epoch: chain.epoch, seq: chain.seq };
    const one = { ...who, atMs: this.atMs, place, type, eventId, payload };
    this.told.push(about === undefined ? one : { ...one, about: `${about.agent_uid}/${about.epoch}` });
    return one;
  }

  private store(envelope: Envelope, produced: Record<string, unknown>, chain: Chain): void {
    const text = envelopeText(envelope);
    const bytes = Buffer.from(JSON.stringify(produced));
    const observedNs = BigInt(envelope.observed);
    const { agent_uid: agentUid, epoch, seq } = envelope;
    const { prevHash } = chain;
    chain.prevHash = chainHash({ agentUid, epoch, seq, prevHash, observedNs, envelopeText: text, bytes });
    const place = this.frames.length + 1;
    const stamps = { place, storedNs: observedNs + 1_000_000n };
    this.frames.push({ envelope, envelopeText: text, bytes, prevHash, hash: chain.prevHash, ...stamps });
  }
}

const componentOf = (random: Random, recorder: "gateway" | "operator" | "siphon" | "supervisor"): Author => ({
  agent: `${recorder}-0`,
  uid: random.ids.next(),
  persona: "",
  recorder,
});

type Cast = {
  readonly agents: readonly Author[];
  readonly gateway: Author;
  readonly operator: Author;
  readonly siphon: Author;
};

const decide = ({ random }: Scene): Event => ({
  type: "DECISION_RATIONALE",
  payload: {
    reasoning: `because of ${random.pick(topics)}`,
    selected_strategy: random.pick(["rewrite", "patch", "wait"]),
    rejected_alternatives: ["ask", "give 'up'"],
    ...(random.chance(0.5) ? { confidence_score: random.between(1, 4) / 4 } : {}),
  },
});

const act = ({ random }: Scene): Event => {
  const ok = random.chance(0.8);
  const result = ok ? { result: "42 passed" } : { error: "2 of 42 failed" };
  return {
    type: "ACTION",
    payload: { tool: random.pick(["test", "edit"]), arguments: {}, ok, duration_ms: 9, ...result },
  };
};

const change = ({ random }: Scene): Event => ({
  type: "STATE_CHANGE",
  payload: {
    file_modified: random.pick(paths),
    change: "modified",
    lines_added: random.between(0, 40),
    lines_removed: random.between(0, 9),
    observed_by: "edit",
  },
});

const message = ({ random }: Scene, from: string): Event => ({
  type: "MESSAGE",
  payload: {
    // Who leaves the sender out is its agent all the same.
    ...(random.chance(0.8) ? { from } : {}),
    to: random.pick([...crew.map(({ agent }) => agent).filter((agent) => agent !== from), "*"]),
    channel: "review",
    subject: random.pick(["question", "answer"]),
    text: `About ${random.pick(topics)}: ${"well ".repeat(random.between(1, 20))}`,
  },
});

const modelCall = ({ random }: Scene, about: NonNullable<Envelope["about"]>): Event => ({
  type: "MODEL_CALL",
  payload: {
    provider: "anthropic",
    model: random.pick(["large-1", "small-1"]),
    input_tokens: random.between(100, 5_000),
    output_tokens: random.between(1, 800),
    latency_ms: random.between(200, 9_000),
    status: random.chance(0.9) ? 200 : 529,
  },
  about,
});

/** One thing that happens in a mission. */
const step = (stream: Stream, scene: Scene, cast: Cast): void => {
  const { random } = scene;
  const author = random.pick(cast.agents);
  const { epoch } = stream.chainOf(author.uid);
  const dice = random.next();
  if (dice < 0.25) stream.say(scene, cast.gateway, modelCall(scene, { agent_uid: author.uid, epoch }));
  else if (dice < 0.4) stream.say(scene, author, message(scene, author.agent));
  else if (dice < 0.55) stream.say(scene, author, decide(scene));
  else if (dice < 0.7) stream.say(scene, author, change(scene));
  else if (dice < 0.85) stream.say(scene, author, act(scene));
  else if (dice < 0.88) ask(stream, scene, author, cast);
  else if (dice < 0.91) keep(stream, scene, author);
  else if (dice < 0.94) stream.say(scene, author, { type: "THOUGHT", payload: { text: `hm, ${random.pick(topics)}` } });
  else fail(stream, scene, author);
};

const ask = (stream: Stream, scene: Scene, author: Author, { operator }: Cast): void => {
  const id = `r-${scene.random.ids.next()}`;
  stream.say(scene, author, { type: "REQUEST", payload: { request_id: id, kind: "question", summary: "May I?" } });
  if (scene.random.chance(0.5))
    stream.say(scene, operator, { type: "INTERVENTION", payload: { kind: "approve", by: "dora", request_id: id } });
};

const keep = (stream: Stream, scene: Scene, author: Author): void => {
  const { uid } = author;
  const { epoch, seq } = stream.chainOf(uid);
  if (seq === 0) return;
  const id = `s-${scene.random.ids.next()}`;
  const manifest = `sha256:${scene.random.ids.next().replaceAll("-", "").repeat(2)}`;
  const payload = { snapshot_id: id, cut: { [`${uid}/${epoch}`]: seq }, reason: "steps", manifest };
  stream.say(scene, author, { type: "SNAPSHOT", payload });
};

const fail = (stream: Stream, scene: Scene, author: Author): void => {
  const fatal = scene.random.chance(0.5);
  stream.say(scene, author, {
    type: "ERROR",
    payload: { message: `cannot reach ${scene.random.pick(topics)}`, fatal },
  });
  if (fatal) stream.crash(author);
};

const castOf = (random: Random): Cast => ({
  agents: crew.map(({ agent, persona }) => ({ agent, persona, uid: random.ids.next(), recorder: "scribe" as const })),
  gateway: componentOf(random, "gateway"),
  operator: componentOf(random, "operator"),
  siphon: componentOf(random, "siphon"),
});

/**
 * Makes a corpus of a seed: the same missions, agents and words in each namespace (`team-0` …), so that an answer that takes from
 * another one shows. Steps of all missions are interleaved.
 */
export const makeCorpus = ({ seed, namespaces, missions, steps, inNamespace }: CorpusSize): Corpus => {
  const random = seededRandom(seed);
  const stream = new Stream();
  const scenes = Array.from({ length: namespaces * missions }, (_, n) => ({
    scene: {
      random,
      namespace: inNamespace ?? `team-${n % namespaces}`,
      mission: `fix-${Math.floor(n / namespaces)}`,
      missionUid: random.ids.next(),
    },
    cast: castOf(random),
  }));
  for (let n = 0; n < steps; n += 1)
    for (const { scene, cast } of scenes) if (random.chance(0.9)) step(stream, scene, cast);
  return { told: stream.told, frames: stream.frames };
};
