import { optional, text, time, type Question } from "./define-question.ts";

/** How missions ended. */
export const outcomes = {
  name: "outcomes",
  asks: "How did each mission end, and which frame says so?",
  parameters: {
    mission: optional("text", "name of the mission"),
    from: optional("since", "only missions of which something was recorded at this time or later"),
    to: optional("until", "only missions of which something was recorded before this time"),
  },
  columns: {
    mission: text("the mission"),
    mission_uid: text("its UID"),
    outcome: text("merged, verified, failed, cancelled, rolled back or unknown"),
    outcome_from: text("what says so, such as PUBLICATION merged; empty where nothing does"),
    at: time("when that was recorded; null where there is none"),
    event_id: text("id of the frame that says so; empty where there is none"),
  },
} as const satisfies Question;
