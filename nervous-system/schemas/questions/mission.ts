import { count, needed, optional, text, time, type Question } from "./define-question.ts";

/** Everything of a mission. */
export const mission = {
  name: "mission",
  asks: "What happened in a mission, in the order of recording?",
  parameters: {
    mission: needed("text", "name of the mission"),
    agent: optional("text", "name or UID of the agent"),
    types: optional("words", "only these event types"),
    after: optional("count", "only what stands behind this place in the order of recording"),
  },
  columns: {
    place: count("its place in the order of recording"),
    at: time("when it was recorded"),
    agent: text("who"),
    type: text("the event type"),
    what: text("the file, tool, gate, model or addressee"),
    text: text("what it says"),
    state: text("its state, phase or outcome"),
    epoch: count("the agent's attempt"),
    seq: count("its place in the attempt"),
    event_id: text("its id"),
  },
  goesOn: { parameter: "after", column: "place" },
} as const satisfies Question;
