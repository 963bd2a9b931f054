import { files as question } from "#nervous-system/schemas/questions/files.ts";
import type { LedgerQuery } from "./define-query.ts";
import {
  framesWhere,
  inPeriod,
  key,
  keyColumns,
  listFrames,
  ofAgent,
  ofMission,
  ofPersona,
  wordsOf,
} from "./frames.ts";

const ofFile = "(file = {file:String} OR (endsWith({file:String}, '/') AND startsWith(file, {file:String})))";

/** A column's largest count stands for all that it cannot hold: nobody knows how many lines were meant. */
const linesIn = (column: "lines_added" | "lines_removed"): string =>
  `if(context_frames.${column} = 4294967295, 0, context_frames.${column}) AS ${column}`;

const changes = listFrames({
  columns: `agent_uid, observed, stream_seq, mission, agent_id, persona, file, change, ${linesIn("lines_added")},
  ${linesIn("lines_removed")}, related_commit_hash, event_id`,
  where: `event_type = 'STATE_CHANGE' AND ${ofFile} AND ${ofAgent} AND ${ofMission} AND ${inPeriod}
  AND ${ofPersona}`,
  order: "observed DESC, stream_seq DESC",
});

// By time and not by place in the attempt: what an agent decided before a crash holds for the next attempt too.
const decisions = framesWhere(
  `${key}, observed`,
  "event_type = 'DECISION_RATIONALE' AND agent_uid IN (SELECT agent_uid FROM changes)",
);

const decisionOf = (table: string): string => `(${keyColumns.map((column) => `${table}.${column}`).join(", ")})`;

/** What is known of a change without reading the words of anything, each by its place in the tuple. */
const known = {
  at: "changes.observed",
  place: "changes.stream_seq",
  mission: "changes.mission",
  agent: "changes.agent_id",
  persona: "changes.persona",
  file: "changes.file",
  change: "changes.change",
  lines_added: "changes.lines_added",
  lines_removed: "changes.lines_removed",
  commit: "changes.related_commit_hash",
  event_id: "changes.event_id",
  decided_at: "if(decided.agent_uid = '', NULL, decided.observed)",
  decision: decisionOf("decided"),
} as const;
const from = (name: keyof typeof known): string => `pair.${Object.keys(known).indexOf(name) + 1}`;

// One value, so that ClickHouse makes it once: what has a name only is made again wherever it is named.
const pairs = `SELECT groupArray((${Object.values(known).join(", ")}))
FROM changes ASOF LEFT JOIN decided
  ON changes.agent_uid = decided.agent_uid AND changes.observed >= decided.observed`;

// A decision may be as wide as a frame: which it was is found by narrow columns alone, and its words are read then.
const words = framesWhere(
  `${key}, ${wordsOf("text")} AS text, state`,
  `event_type = 'DECISION_RATIONALE' AND (${key}) IN (SELECT arrayJoin(pairs).${Object.keys(known).length})`,
);

/** Answers `files`. */
export const files: LedgerQuery = {
  question,
  sql: `
WITH changes AS (${changes}), decided AS (${decisions}), (${pairs}) AS pairs,
words AS (SELECT ${decisionOf("said")} AS decision, text, state FROM (${words}) AS said)
SELECT ${from("at")} AS at, ${from("mission")} AS mission, ${from("agent")} AS agent, ${from("persona")} AS persona,
  ${from("file")} AS file, ${from("change")} AS change, ${from("lines_added")} AS lines_added,
  ${from("lines_removed")} AS lines_removed, words.state AS strategy, words.text AS why,
  ${from("decided_at")} AS decided_at, ${from("commit")} AS commit, ${from("event_id")} AS event_id
FROM (SELECT arrayJoin(pairs) AS pair) AS answered LEFT ANY JOIN words ON ${from("decision")} = words.decision
ORDER BY ${from("at")} DESC, ${from("place")} DESC`,
};
