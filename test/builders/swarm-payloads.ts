import type { Random } from "#test/simulation/random.ts";
import type { SourceText } from "./source-text.ts";

/** Out of a thousand frames of a swarm, how many are of each type: what agents say, and what gateway and supervisor say of them. */
export const swarmMix = {
  agent: {
    THOUGHT: 260,
    ACTION: 240,
    STATE_CHANGE: 120,
    MESSAGE: 80,
    DECISION_RATIONALE: 70,
    HEARTBEAT: 34,
    LESSON: 10,
    PROPOSAL: 4,
    LIFECYCLE: 2,
  },
  gateway: { MODEL_CALL: 175 },
  supervisor: { PUBLICATION: 4, ROLLOUT: 1 },
} as const;

/** A type that the mix holds. */
export type SwarmType = {
  [Author in keyof typeof swarmMix]: keyof (typeof swarmMix)[Author];
}[keyof typeof swarmMix];

/** What a payload is about. */
export type Scene = {
  readonly random: Random;
  readonly text: SourceText;
  /** Names of the mission's agents. */
  readonly crew: readonly string[];
  /** Number of the frame among all. */
  readonly n: number;
};

const TOPICS = ["the database schema", "the login page", "retries of the queue", "the cache", "the release"] as const;
const FILES = 60;

const hex = ({ random }: Scene, digits: number): string =>
  Array.from({ length: digits / 8 }, () => random.between(0, 0xffff_ffff).toString(16).padStart(8, "0")).join("");

const path = ({ random }: Scene): string => {
  const file = random.between(0, FILES - 1);
  return `src/part-${file % 7}/file-${file}.ts`;
};

const patchOf = (scene: Scene): string => {
  const lines = scene.text(scene.random, 200, 900).split("\n");
  // One line that certainly says something: a patch of which nothing is left is not remembered.
  const first = `+const change${scene.n} = repairs(the, login, page);`;
  return `@@ -1 +1 @@\n${first}\n${lines.map((line) => `${scene.random.pick(["+", "-", " "])}${line}`).join("\n")}\n`;
};

const proposalOf = (scene: Scene) => ({
  bundle: `sha256:${hex(scene, 64)}`,
  bundle_bytes: scene.random.between(500, 90_000),
  repo: "https://forge.example/team/app",
  branch: "main",
  base: hex(scene, 40),
  head: hex(scene, 40),
  title: `Repair ${scene.random.pick(TOPICS)}`,
  body: scene.text(scene.random, 80, 400),
  files: [path(scene), path(scene)].map((file) => ({ path: file, change: "modified" })),
});

/** A payload of each type as its authors write it, made of source code and of ids that never come again. */
export const swarmPayloads: Readonly<Record<SwarmType, (scene: Scene) => Record<string, unknown>>> = {
  THOUGHT: ({ random, text, n }) => ({ text: `${n}. ${text(random, 80, 700)}` }),
  ACTION: (scene) => ({
    tool: scene.random.pick(["read_file", "edit", "test", "search"]),
    arguments: { path: path(scene) },
    result: scene.text(scene.random, 50, 900),
    ok: scene.random.chance(0.9),
    duration_ms: scene.random.between(1, 9_000),
  }),
  STATE_CHANGE: (scene) => ({
    file_modified: path(scene),
    change: scene.random.pick(["modified", "modified", "added"]),
    lines_added: scene.random.between(0, 40),
    lines_removed: scene.random.between(0, 9),
    old_state_hash: hex(scene, 40),
    new_state_hash: hex(scene, 40),
    patch: patchOf(scene),
    ...(scene.random.chance(0.3) ? { depends_on: [path(scene), path(scene)] } : {}),
    observed_by: "edit",
  }),
  MESSAGE: ({ random, text, crew, n }) => ({
    to: random.chance(0.9) ? random.pick(crew) : "*",
    channel: "review",
    subject: random.pick(["question", "answer"]),
    text: `${n}. About ${random.pick(TOPICS)}: ${text(random, 40, 400)}`,
  }),
  DECISION_RATIONALE: ({ random, text, n }) => ({
    reasoning: `${n}. Because of ${random.pick(TOPICS)}: ${text(random, 60, 400)}`,
    selected_strategy: random.pick(["rewrite", "patch", "wait"]),
    rejected_alternatives: ["ask", "give up"],
    confidence_score: random.between(1, 4) / 4,
  }),
  HEARTBEAT: () => ({ activity: "working" }),
  LESSON: (scene) => ({
    state: "learned",
    text: `Lesson ${scene.n} of ${scene.random.pick(TOPICS)}: ${scene.text(scene.random, 60, 300)}`,
    sources: [hex(scene, 32), hex(scene, 32)],
    libraries: ["pkg:npm/zod"],
    files: [path(scene)],
  }),
  PROPOSAL: proposalOf,
  LIFECYCLE: ({ random }) => ({
    phase: "Started",
    attempt: 1,
    image_digest: `sha256:${String(random.between(0, 4)).repeat(64)}`,
  }),
  MODEL_CALL: (scene) => ({
    provider: "anthropic",
    model: scene.random.pick(["large-1", "small-1"]),
    context_window: Array.from({ length: 6 }, () => hex(scene, 64)),
    input_tokens: scene.random.between(100, 5_000),
    output_tokens: scene.random.between(1, 800),
    latency_ms: scene.random.between(200, 9_000),
    response_id: hex(scene, 32),
    status: 200,
  }),
  PUBLICATION: (scene) => ({
    url: `https://forge.example/team/app/pulls/${scene.n}`,
    number: scene.n,
    branch: "swarm/fix/coder",
    head: hex(scene, 40),
    state: scene.random.pick(["open", "merged", "closed"]),
  }),
  ROLLOUT: (scene) => ({
    image: "coder",
    digest: `sha256:${String(scene.random.between(0, 4)).repeat(64)}`,
    step: 1,
    percent: 25,
    action: scene.random.pick(["advance", "rollback"]),
  }),
};
