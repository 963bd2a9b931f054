import { count, optional, period, text, time, type Question } from "./define-question.ts";

/** Frames as they were recorded. */
export const frames = {
  name: "frames",
  asks: "Which frames are there, as they were recorded and with their proof, in the order of recording?",
  parameters: {
    mission: optional("text", "name of the mission"),
    agent: optional(
      "text",
      "name or UID of the agent; what others recorded about it, such as its calls of models, too",
    ),
    persona: optional("text", "persona of the agent by its name, or by the digest of its prompt"),
    types: optional("words", "only these event types"),
    ...period,
    after: optional("count", "only what stands behind this place in the order of recording"),
  },
  columns: {
    place: count("its place in the order of recording"),
    stored: time("when the stream stored it"),
    principal: text("user who sent it; empty for a pod's and a component's"),
    envelope: text("the recorder's stamps, as they are hashed"),
    frame: text("the producer's part, as it is hashed"),
    prev_hash: text("hash of the frame before it in its chain"),
    hash: text("its hash"),
  },
  goesOn: { parameter: "after", column: "place" },
} as const satisfies Question;
