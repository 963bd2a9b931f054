import { decisions as question } from "#nervous-system/schemas/questions/decisions.ts";
import type { LedgerQuery } from "./define-query.ts";
import { aboutIn, inPeriod, listFrames, ofAgent, ofMission, wordsOf } from "./frames.ts";

/** Answers `decisions`. */
export const decisions: LedgerQuery = {
  question,
  sql: listFrames({
    columns: `observed AS at, mission, agent_id AS agent, epoch, seq, state AS strategy, ${wordsOf("text")} AS reasoning,
  JSONExtract(frame, 'payload', 'rejected_alternatives', 'Array(String)') AS rejected,
  JSONExtract(frame, 'payload', 'confidence_score', 'Nullable(Float64)') AS confidence,
  related_commit_hash AS commit, event_id`,
    where: `event_type = 'DECISION_RATIONALE' AND ${ofAgent} AND ${ofMission} AND ${inPeriod}
  AND ${aboutIn("text", "state")}`,
    order: "observed DESC, stream_seq DESC",
  }),
};
