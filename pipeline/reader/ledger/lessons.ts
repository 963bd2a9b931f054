import { lessons as question } from "#nervous-system/schemas/questions/lessons.ts";
import type { LedgerQuery } from "./define-query.ts";
import { aboutIn, framesWhere, inPeriod, listFrames, ofAgent, ofMission } from "./frames.ts";
import { missionEndsWhere } from "./outcomes.ts";

const inState = (state: string): string =>
  `event_type = 'LESSON' AND JSONExtractString(frame, 'payload', 'state') = '${state}'`;

const recalled = listFrames({
  columns: `observed, stream_seq, mission, mission_uid, agent_id, text, event_id,
  JSONExtract(frame, 'payload', 'sources', 'Array(String)') AS sources`,
  where: `${inState("recalled")} AND ${ofAgent} AND ${ofMission} AND ${inPeriod} AND ${aboutIn("text")}`,
  order: "observed DESC, stream_seq DESC",
});

// What was recalled names the frame that told it first. An agent chooses its event ids: of two of one id the older is meant.
const taught = `SELECT event_id, argMin((mission, mission_uid), (observed, stream_seq)) AS first
FROM (${framesWhere("event_id, mission, mission_uid, observed, stream_seq", `${inState("learned")} AND event_id IN (SELECT sources[1] FROM recalled)`)})
GROUP BY event_id`;

/** Answers `lessons`. */
export const lessons: LedgerQuery = {
  question,
  sql: `
WITH recalled AS (${recalled}),
  ends AS (${missionEndsWhere("mission_uid IN (SELECT mission_uid FROM recalled)")}),
  taught AS (${taught}),
  teachers AS (${missionEndsWhere("mission_uid IN (SELECT first.2 FROM taught)")})
SELECT recalled.observed AS at, recalled.mission AS mission, recalled.agent_id AS agent, recalled.text AS lesson,
  recalled.sources AS sources, taught.first.1 AS learned_in,
  if(teachers.mission_uid = '', 'unknown', teachers.outcome) AS learned_outcome,
  if(ends.mission_uid = '', 'unknown', ends.outcome) AS outcome,
  ends.outcome_from AS outcome_from, recalled.event_id AS event_id
FROM recalled LEFT JOIN ends ON ends.mission_uid = recalled.mission_uid
LEFT JOIN taught ON taught.event_id = recalled.sources[1]
LEFT JOIN teachers ON teachers.mission_uid = taught.first.2
ORDER BY recalled.observed DESC, recalled.stream_seq DESC`,
};
