import { modelUsage as question } from "#nervous-system/schemas/questions/model-usage.ts";
import type { LedgerQuery } from "./define-query.ts";
import { eachFrameWhere, framesWhere, inPeriod, ofMission } from "./frames.ts";

// A gateway's frames are its own, about an agent.
const caller = "if(about_agent_uid = '', agent_uid, about_agent_uid) AS uid";

const isAskedFor = `event_type = 'MODEL_CALL' AND ${ofMission} AND ${inPeriod} AND ({model:String} = '' OR model = {model:String})`;

const calls = eachFrameWhere(
  `mission, ${caller}, model, input_tokens, output_tokens, duration_ms,
  observed, JSONExtractInt(frame, 'payload', 'status') AS status, JSONHas(frame, 'payload', 'status') AS answers_known`,
  isAskedFor,
);

// The index on agents leads to where they said anything, on whatever day.
const names = `${framesWhere(
  "agent_uid, any(agent_id) AS agent",
  `producer = 'agent' AND agent_id != '' AND agent_uid IN (${framesWhere(caller, isAskedFor)})`,
)} GROUP BY agent_uid`;

/** Answers `model-usage`. */
export const modelUsage: LedgerQuery = {
  question,
  sql: `
WITH calls AS (${calls}), names AS (${names})
SELECT calls.mission AS mission, names.agent AS agent, calls.uid AS agent_uid, calls.model AS model, count() AS calls,
  countIf(answers_known AND (status = 0 OR status >= 400)) AS failed,
  sum(calls.input_tokens) AS input_tokens, sum(calls.output_tokens) AS output_tokens,
  quantile(0.5)(duration_ms) AS median_ms, quantile(0.99)(duration_ms) AS p99_ms,
  min(observed) AS first_at, max(observed) AS last_at
FROM calls LEFT JOIN names ON calls.uid = names.agent_uid
WHERE {agent:String} = '' OR calls.uid = {agent:String} OR names.agent = {agent:String}
GROUP BY mission, agent, agent_uid, model
ORDER BY input_tokens + output_tokens DESC, mission, agent, agent_uid, model LIMIT {limit:UInt32}`,
};
