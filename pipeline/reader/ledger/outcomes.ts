import { noMission } from "#nervous-system/schemas/ids.ts";
import { outcomes as question } from "#nervous-system/schemas/questions/outcomes.ts";
import type { LedgerQuery } from "./define-query.ts";
import { framesWhere, inPeriod, ofMission } from "./frames.ts";

const said = (member: string): string => `JSONExtractString(frame, 'payload', '${member}')`;

/** The day on which the first pull request of some missions was told of; behind all days where there is none. */
const firstPublication = (condition: string): string =>
  framesWhere(
    "coalesce(minOrNull(day), toDate('2149-01-01'))",
    `event_type = 'PUBLICATION' AND producer = 'supervisor' AND ${condition}`,
  );

/**
 * Commits that a proposal of the namespace takes back, in the words that `git revert` writes. All that a proposal says has to be read
 * for it, so only of those recorded since there were commits to take back, with a day for clocks that differ.
 */
const revertsOf = (condition: string): string =>
  `SELECT groupUniqArray(arrayJoin(commits)) FROM (${framesWhere(
    String.raw`extractAll(${said("body")}, '(?m)^This reverts commit ([0-9a-f]{40,64})') AS commits`,
    `event_type = 'PROPOSAL'
  AND (day >= greatest((${firstPublication(condition)}), toDate('1970-01-02')) - 1 OR day = toDate('1970-01-01'))`,
  )})`;

const isReverted = `(${said("head")} IN (SELECT arrayJoin(reverts)) OR ${said("merge_commit")} IN (SELECT arrayJoin(reverts)))`;

// What people did to a change, or to its mission, stands above what a gate said of it, and that above that it is open or could not be
// published.
// Among equals the last one holds.
const signalsWhere = (condition: string): string =>
  framesWhere(
    `mission_uid, observed, event_id, event_type,
  multiIf(
    event_type = 'VERDICT', if(ok = 1, ('verified', 'passed', 2), ('failed', 'did not pass', 2)),
    event_type = 'INTERVENTION', ('cancelled', 'Cancel', 3),
    state = 'merged', if(${isReverted}, ('rolled back', 'reverted', 5), ('merged', 'merged', 4)),
    state = 'closed', ('failed', 'closed', 2),
    state = 'refused', ('failed', 'refused', 1),
    ('unknown', state, 1)) AS signal`,
    `(event_type IN ('PUBLICATION', 'VERDICT') AND producer = 'supervisor'
  OR event_type = 'INTERVENTION' AND producer = 'operator' AND ${said("kind")} = 'Cancel') AND ${condition}`,
  );

/** The end of each mission of which a frame that a condition holds for says something: `mission_uid`, `outcome`, `outcome_from`, `ended`, `ended_by`. */
export const missionEndsWhere = (condition: string): string => `WITH (${revertsOf(condition)}) AS reverts
SELECT mission_uid, argMax(signal.1, rank) AS outcome,
  argMax(concat(event_type, ' ', signal.2), rank) AS outcome_from, argMax(observed, rank) AS ended,
  argMax(event_id, rank) AS ended_by
FROM (SELECT *, (signal.3, observed, event_id) AS rank FROM (${signalsWhere(condition)})) GROUP BY mission_uid`;

// What is of no mission has no end.
const missions = `${framesWhere("mission_uid, max(mission) AS name", `${ofMission} AND ${inPeriod} AND mission_uid != '${noMission}'`)}
  GROUP BY mission_uid ORDER BY name, mission_uid LIMIT {limit:UInt32}`;

/** Answers `outcomes`. */
export const outcomes: LedgerQuery = {
  question,
  sql: `
WITH (SELECT groupArray((mission_uid, name)) FROM (${missions})) AS asked,
  missions AS (SELECT arrayJoin(asked) AS one, one.1 AS mission_uid, one.2 AS name),
  ends AS (${missionEndsWhere("mission_uid IN (SELECT arrayJoin(asked).1)")})
SELECT missions.name AS mission, missions.mission_uid AS mission_uid,
  if(ends.mission_uid = '', 'unknown', ends.outcome) AS outcome, ends.outcome_from AS outcome_from,
  if(ends.mission_uid = '', NULL, ends.ended) AS at, ends.ended_by AS event_id
FROM missions LEFT JOIN ends ON ends.mission_uid = missions.mission_uid
ORDER BY mission, mission_uid`,
};
