import { resume as question } from "#nervous-system/schemas/questions/resume.ts";
import type { LedgerQuery } from "./define-query.ts";
import { framesWhere, ofAgent, ofMission, wordsOf } from "./frames.ts";

// What is taken by the greatest place is the same however often a frame was stored.
const ends = `${framesWhere(
  `agent_uid, epoch, max(seq) AS end_seq, argMax(event_id, (seq, observed)) AS end_event, max(observed) AS end_at`,
  `producer IN ('agent', 'scribe') AND ${ofMission} AND ${ofAgent}`,
)} GROUP BY agent_uid, epoch ORDER BY end_at DESC, agent_uid, epoch LIMIT {limit:UInt32}`;

// A snapshot says how far it covers an attempt, which is its author's alone to say.
const snapshots = `SELECT chain, argMax((id, manifest), (upto, observed)) AS kept, max(upto) AS covered FROM (
  ${framesWhere(
    `agent_uid, observed, subject AS id, text AS manifest, JSONExtractKeysAndValues(frame, 'payload', 'cut', 'UInt64') AS cut`,
    `event_type = 'SNAPSHOT' AND ${ofMission}`,
  )}) ARRAY JOIN cut.1 AS chain, cut.2 AS upto WHERE startsWith(chain, concat(agent_uid, '/')) GROUP BY chain`;

const answered = framesWhere("subject", `event_type = 'INTERVENTION' AND subject != '' AND ${ofMission}`);

const requests = `${framesWhere(
  "agent_uid, epoch, arraySort(groupUniqArray(subject)) AS open",
  `event_type = 'REQUEST' AND ${ofMission} AND subject NOT IN (${answered})`,
)} GROUP BY agent_uid, epoch`;

const lastFrames = framesWhere(
  `agent_uid, epoch, event_id, mission, agent_id, event_type, ${wordsOf("text")} AS text`,
  "(agent_uid, epoch, seq, event_id) IN (SELECT agent_uid, epoch, end_seq, end_event FROM ends)",
);

/** Answers `resume`. */
export const resume: LedgerQuery = {
  question,
  sql: `
WITH ends AS (${ends}), snapshots AS (${snapshots}), requests AS (${requests}), lasts AS (${lastFrames})
SELECT lasts.mission AS mission, lasts.agent_id AS agent, ends.agent_uid AS agent_uid, ends.epoch AS epoch,
  ends.end_seq AS last_seq, ends.end_at AS last_at, lasts.event_type AS last_type, lasts.text AS last_text,
  snapshots.kept.1 AS snapshot_id, snapshots.covered AS snapshot_seq, snapshots.kept.2 AS snapshot_manifest,
  requests.open AS open_requests
FROM ends
  INNER JOIN lasts ON lasts.agent_uid = ends.agent_uid AND lasts.epoch = ends.epoch AND lasts.event_id = ends.end_event
  LEFT JOIN snapshots ON snapshots.chain = concat(ends.agent_uid, '/', toString(ends.epoch))
  LEFT JOIN requests ON requests.agent_uid = ends.agent_uid AND requests.epoch = ends.epoch
ORDER BY ends.end_at DESC, ends.agent_uid, ends.epoch
LIMIT 1 BY ends.agent_uid, ends.epoch`,
};
