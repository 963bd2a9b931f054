import { count, flag, optional, period, text, time, type Question } from "./define-question.ts";

/** What went wrong. */
export const errors = {
  name: "errors",
  asks: "What went wrong: errors, tools that failed, gates that refused, and what is missing in the record? The newest first.",
  parameters: {
    mission: optional("text", "name of the mission"),
    agent: optional("text", "name or UID of the agent"),
    about: optional("words", "words that all stand in the message, in either case of letters"),
    ...period,
  },
  columns: {
    at: time("when it was recorded"),
    mission: text("the mission"),
    agent: text("whose it is"),
    epoch: count("the agent's attempt"),
    seq: count("its place in the attempt"),
    type: text("ERROR, ACTION, VERDICT or GAP"),
    what: text("the tool or the gate"),
    message: text("what went wrong"),
    fatal: flag("whether the attempt ended by it"),
    event_id: text("its id"),
  },
} as const satisfies Question;
