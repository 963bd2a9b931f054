import { count, needed, optional, period, text, time, type Question } from "./define-question.ts";

/** What two agents said to each other. */
export const conversations = {
  name: "conversations",
  asks: "What did an agent and another say to each other, about what, and when?",
  parameters: {
    a: needed("text", "name of the one agent"),
    b: optional("text", "name of the other; without it everybody that the first one spoke with"),
    about: optional("words", "words that all stand in the subject or the text, in either case of letters"),
    mission: optional("text", "name of the mission"),
    ...period,
  },
  columns: {
    at: time("when it was recorded"),
    mission: text("the mission"),
    sender: text("who said it"),
    recipient: text("to whom"),
    channel: text("where"),
    subject: text("about what"),
    text: text("what was said"),
    place: count("its place in the order of recording"),
    event_id: text("its id"),
  },
} as const satisfies Question;
