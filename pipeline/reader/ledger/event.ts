import { erasedStart } from "#nervous-system/schemas/erased.ts";
import { event as question } from "#nervous-system/schemas/questions/event.ts";
import type { LedgerQuery } from "./define-query.ts";
import { framesWhere } from "./frames.ts";

// As every payload names a blob.
const digests = "arrayDistinct(extractAll(frame, 'sha256:[0-9a-f]{64}'))";

const chain = "agent_uid, epoch, seq, principal";

/** The frame, or those of several agents that call one so; stored twice it has two places. */
const found = `${framesWhere(
  `${chain}, max(event_id) AS id, max(event_type) AS type, max(mission) AS of_mission, max(agent_id) AS agent,
  min(observed) AS at, argMax(text, stored) AS words, argMax(frame, stored) AS bytes,
  arrayMap(place -> toString(place), arraySort(groupUniqArray(stream_seq))) AS places`,
  "event_id = {event:String}",
)} GROUP BY ${chain}`;

const named = `SELECT groupUniqArrayArray(${digests}) AS all FROM (${framesWhere("frame", "event_id = {event:String}")})`;

const naming = framesWhere(
  `${chain}, event_id, arrayJoin(${digests}) AS digest`,
  `notEmpty((${named})) AND hasAny(${digests}, (${named}))`,
);

// An event's id is its agent's to choose, so that another frame may have the same one. Where the frame names none, nothing else is read.
const namedElsewhere = `SELECT digest FROM (${naming}) GROUP BY digest HAVING uniqExact(${chain}, event_id) > 1`;

const sources = "JSONExtract(frame, 'payload', 'sources', 'Array(String)')";

const learned = framesWhere("groupUniqArray(event_id)", `event_type = 'LESSON' AND has(${sources}, {event:String})`);

// Whoever recalls a lesson says its words again, and names it.
const lessons = framesWhere(
  "arraySort(groupUniqArray(event_id))",
  `event_type = 'LESSON' AND hasAny(${sources}, arrayPushBack((${learned}), {event:String}))`,
);

/** Answers `event`. */
export const event: LedgerQuery = {
  question,
  sql: `
WITH found AS (${found})
SELECT id AS event_id, type AS event_type, of_mission AS mission, agent, at, substringUTF8(words, 1, 200) AS text,
  startsWith(bytes, '${erasedStart}') AS erased,
  arraySort(arrayFilter(one -> one NOT IN (${namedElsewhere}), arrayDistinct(extractAll(bytes, 'sha256:[0-9a-f]{64}')))) AS blobs,
  (${lessons}) AS lessons, agent_uid, epoch, seq, principal, places
FROM found ORDER BY agent_uid, epoch, seq LIMIT {limit:UInt32}`,
};
