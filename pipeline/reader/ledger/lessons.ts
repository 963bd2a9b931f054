import { lessons as question } from "#nervous-system/schemas/questions/lessons.ts";
import type { LedgerQuery } from "./define-query.ts";
import { aboutIn, inPeriod, listFrames, ofAgent, ofMission } from "./frames.ts";
import { missionEnds } from "./outcomes.ts";

const recalled = listFrames({
  columns: `observed, stream_seq, mission, mission_uid, agent_id, text, event_id,
  JSONExtract(frame, 'payload', 'sources', 'Array(String)') AS sources`,
  where: `event_type = 'LESSON' AND JSONExtractString(frame, 'payload', 'state') = 'recalled'
  AND ${ofAgent} AND ${ofMission} AND ${inPeriod} AND ${aboutIn("text")}`,
  order: "observed DESC, stream_seq DESC",
});

/** Answers `lessons`. */
export const lessons: LedgerQuery = {
  question,
  sql: `
WITH recalled AS (${recalled}), ends AS (${missionEnds})
SELECT recalled.observed AS at, recalled.mission AS mission, recalled.agent_id AS agent, recalled.text AS lesson,
  recalled.sources AS sources, if(ends.mission_uid = '', 'unknown', ends.outcome) AS outcome,
  ends.outcome_from AS outcome_from, recalled.event_id AS event_id
FROM recalled LEFT JOIN ends ON ends.mission_uid = recalled.mission_uid
ORDER BY recalled.observed DESC, recalled.stream_seq DESC`,
};
