import { mission as question } from "#nervous-system/schemas/questions/mission.ts";
import type { LedgerQuery } from "./define-query.ts";
import { listFrames, ofAgent, wordsOf } from "./frames.ts";

const what = `multiIf(
  event_type = 'STATE_CHANGE', file, event_type = 'MODEL_CALL', model, event_type = 'MESSAGE', to_agent,
  event_type = 'INTERVENTION', from_agent, tool != '', tool, subject)`;

/** Answers `mission`. */
export const mission: LedgerQuery = {
  question,
  sql: listFrames({
    columns: `stream_seq AS place, observed AS at, agent_id AS agent, event_type AS type, ${what} AS what, ${wordsOf("text")} AS text, state,
  epoch, seq, event_id`,
    where: `mission = {mission:String} AND stream_seq > {after:UInt64} AND ${ofAgent}
  AND (empty({types:Array(String)}) OR has({types:Array(String)}, event_type))`,
    order: "stream_seq",
  }),
};
