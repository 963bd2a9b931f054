import { errors as question } from "#nervous-system/schemas/questions/errors.ts";
import type { LedgerQuery } from "./define-query.ts";
import { aboutIn, inPeriod, listFrames, ofAgent, ofMission, wordsOf } from "./frames.ts";

/** Answers `errors`. */
export const errors: LedgerQuery = {
  question,
  sql: listFrames({
    columns: `observed AS at, mission, agent_id AS agent, epoch, seq, event_type AS type, tool AS what, ${wordsOf("text")} AS message,
  state = 'fatal' AS fatal, event_id`,
    where: `(event_type IN ('ERROR', 'GAP') OR (event_type IN ('ACTION', 'VERDICT') AND ok = 0))
  AND ${ofAgent} AND ${ofMission} AND ${inPeriod} AND ${aboutIn("text")}`,
    order: "observed DESC, stream_seq DESC",
  }),
};
