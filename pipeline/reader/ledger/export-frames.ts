import { frames as question } from "#nervous-system/schemas/questions/frames.ts";
import type { LedgerQuery } from "./define-query.ts";
import { framesWhere, inPeriod, listFrames, ofMission, ofPersona } from "./frames.ts";

const named = framesWhere("agent_uid", "agent_id = {agent:String} AND {agent:String} != ''");

// A gateway's frames are its own, about an agent.
const ofOrAboutAgent = `({agent:String} = '' OR agent_id = {agent:String} OR agent_uid = {agent:String}
  OR (agent_id = '' AND agent_uid IN (${named}))
  OR about_agent_uid = {agent:String} OR about_agent_uid IN (${named}))`;

/** Answers `frames`. */
export const exportFrames: LedgerQuery = {
  question,
  sql: listFrames({
    columns: "stream_seq AS place, stored, principal, envelope, frame, prev_hash, hash",
    where: `stream_seq > {after:UInt64} AND ${ofMission} AND ${ofOrAboutAgent} AND ${ofPersona} AND ${inPeriod}
  AND (empty({types:Array(String)}) OR has({types:Array(String)}, event_type))`,
    order: "stream_seq",
  }),
};
