import { files as question } from "#nervous-system/schemas/questions/files.ts";
import type { LedgerQuery } from "./define-query.ts";
import { framesWhere, inPeriod, listFrames, ofAgent, ofMission, wordsOf } from "./frames.ts";

const ofFile = "(file = {file:String} OR (endsWith({file:String}, '/') AND startsWith(file, {file:String})))";

/** A column's largest count stands for all that it cannot hold: nobody knows how many lines were meant. */
const linesIn = (column: "lines_added" | "lines_removed"): string =>
  `if(context_frames.${column} = 4294967295, 0, context_frames.${column}) AS ${column}`;

const changes = listFrames({
  columns: `agent_uid, observed, stream_seq, mission, agent_id, persona, file, change, ${linesIn("lines_added")},
  ${linesIn("lines_removed")}, related_commit_hash, event_id`,
  where: `event_type = 'STATE_CHANGE' AND ${ofFile} AND ${ofAgent} AND ${ofMission} AND ${inPeriod}
  AND ({persona:String} = '' OR persona = {persona:String})`,
  order: "observed DESC, stream_seq DESC",
});

// By time and not by place in the attempt: what an agent decided before a crash holds for the next attempt too.
const lastDecisions = framesWhere(
  `agent_uid, observed, ${wordsOf("text")} AS text, state`,
  "event_type = 'DECISION_RATIONALE' AND agent_uid IN (SELECT agent_uid FROM changes)",
);

/** Answers `files`. */
export const files: LedgerQuery = {
  question,
  sql: `
WITH changes AS (${changes}), decided AS (${lastDecisions})
SELECT changes.observed AS at, changes.mission AS mission, changes.agent_id AS agent, changes.persona AS persona,
  changes.file AS file, changes.change AS change, changes.lines_added AS lines_added,
  changes.lines_removed AS lines_removed, decided.state AS strategy, decided.text AS why,
  if(decided.agent_uid = '', NULL, decided.observed) AS decided_at,
  changes.related_commit_hash AS commit, changes.event_id AS event_id
FROM changes ASOF LEFT JOIN decided
  ON changes.agent_uid = decided.agent_uid AND changes.observed >= decided.observed
ORDER BY changes.observed DESC, changes.stream_seq DESC`,
};
