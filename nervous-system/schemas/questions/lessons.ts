import { optional, period, text, texts, time, type Question } from "./define-question.ts";

/** Which lessons were used. */
export const lessons = {
  name: "lessons",
  asks: "Which lessons were recalled, by whom, and how did those missions end? The newest first.",
  parameters: {
    mission: optional("text", "name of the mission"),
    agent: optional("text", "name or UID of the agent"),
    about: optional("words", "words that all stand in the lesson, in either case of letters"),
    ...period,
  },
  columns: {
    at: time("when it was recalled"),
    mission: text("the mission"),
    agent: text("who recalled it"),
    lesson: text("the lesson"),
    sources: texts("event ids that it rests on"),
    learned_in: text("mission that the lesson is from; empty where the ledger does not hold its frame"),
    learned_outcome: text("how that mission ended, as outcomes tells it"),
    outcome: text("how the mission ended, as outcomes tells it; whether it was by this lesson, nobody knows"),
    outcome_from: text("what says so; empty where nothing does"),
    event_id: text("id of the frame"),
  },
} as const satisfies Question;
