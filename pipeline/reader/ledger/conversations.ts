import { conversations as question } from "#nervous-system/schemas/questions/conversations.ts";
import type { LedgerQuery } from "./define-query.ts";
import { aboutIn, inPeriod, listFrames, ofMission } from "./frames.ts";

/** A message that does not say who sent it is its agent's. */
const sender = "if(from_agent = '', agent_id, from_agent)";

const pair = `multiIf(
  {b:String} = '', ${sender} = {a:String} OR to_agent = {a:String},
  (${sender} = {a:String} AND to_agent = {b:String}) OR (${sender} = {b:String} AND to_agent = {a:String}))`;

/** Answers `conversations`. */
export const conversations: LedgerQuery = {
  question,
  sql: listFrames({
    columns: `observed AS at, mission, ${sender} AS sender, to_agent AS recipient, channel, subject, text,
  stream_seq AS place, event_id`,
    where: `event_type = 'MESSAGE' AND ${pair} AND ${ofMission} AND ${inPeriod} AND ${aboutIn("text", "subject")}`,
    order: "observed, stream_seq",
  }),
};
