import type { EventLabel, ThingLabel } from "#pipeline/siphon/graph/model.ts";

const thingLabels = {
  Mission: true,
  Agent: true,
  Persona: true,
  File: true,
  Commit: true,
  PullRequest: true,
  Image: true,
} as const satisfies Record<ThingLabel, true>;

const eventLabels = {
  Decision: true,
  Change: true,
  Message: true,
  Proposal: true,
  Publication: true,
  Rollout: true,
  Lifecycle: true,
} as const satisfies Record<EventLabel, true>;

// `Event` is on the node of every frame, so that one look-up tells which frames are there; `Cut`, `Prepared` and `Erased` are ours.
const keyed = ["Event", ...Object.keys(eventLabels), ...Object.keys(thingLabels), "Cut", "Prepared", "Erased"];

// Node keys are Neo4j's Enterprise only: one property that is unique, and is always there.
const constraints = keyed.map((label) => ({
  name: `enchanted_${label.toLowerCase()}`,
  statement: `CREATE CONSTRAINT enchanted_${label.toLowerCase()} IF NOT EXISTS FOR (n:${label}) REQUIRE n.key IS UNIQUE`,
}));

const index = (name: string, label: string, properties: readonly string[]): string =>
  `CREATE INDEX enchanted_${name} IF NOT EXISTS FOR (n:${label}) ON (${properties.map((property) => `n.${property}`).join(", ")})`;

const indexes = [
  index("decision_chain", "Decision", ["agent", "epoch", "seq"]),
  index("decision_id", "Decision", ["agent", "event_id"]),
  index("change_file", "Change", ["file", "agent", "epoch", "seq"]),
  index("message_to", "Message", ["mission", "to"]),
  index("agent_name", "Agent", ["mission", "name"]),
  index("publication_proposal", "Publication", ["proposal"]),
  index("file_path", "File", ["path"]),
  index("persona_name", "Persona", ["name"]),
];

/** Statements that prepare a database, each in a transaction of its own; running them again changes nothing. */
export const preparations: readonly string[] = [
  ...constraints.map(({ statement }) => statement),
  ...indexes,
  "CALL db.awaitIndexes(60)",
];

/** Names of the constraints without which a node could be there twice. */
export const constraintNames: readonly string[] = constraints.map(({ name }) => name);

/**
 * Finds indexes that are called as a constraint of `$names` and belong to none: whoever is killed while it makes a constraint leaves
 * the index behind, and the constraint cannot be made while that is there.
 */
export const findLeftIndexes =
  "SHOW INDEXES YIELD name, owningConstraint WHERE name IN $names AND owningConstraint IS NULL RETURN name";

/** Takes away an index of ours. */
export const dropIndex = (name: string): string => `DROP INDEX ${name} IF EXISTS`;

/** Counts those of `$names` that are there. */
export const countConstraints = "SHOW CONSTRAINTS YIELD name WHERE name IN $names RETURN count(*) AS count";

const mark = "(p:Prepared {key: 'graph'})";

/** Answers a row where the database was prepared and not emptied since. */
export const findMark = `MATCH ${mark} RETURN p.key AS key`;

/** Marks the database as prepared. */
export const markPrepared = `MERGE ${mark}`;
