import { count, flag, needed, text, texts, time, type Question } from "./define-question.ts";

/** A frame by its id, and what hangs on what it says. */
export const event = {
  name: "event",
  asks: "Which frame has this event id, which blobs does only it name, and which lessons rest on it?",
  parameters: { event: needed("text", "event id of the frame") },
  columns: {
    event_id: text("its id"),
    event_type: text("its type"),
    mission: text("its mission"),
    agent: text("who wrote it"),
    at: time("when it was recorded"),
    text: text("what it says, its first 200 characters"),
    erased: flag("whether that was erased"),
    blobs: texts("blobs that no other frame of the namespace names"),
    lessons: texts("event ids of the lessons that were learned from it, and of each time that one was recalled"),
    agent_uid: text("owner of its chain"),
    epoch: count("epoch of its chain"),
    seq: count("its place in the chain; 0 where no chain holds it"),
    principal: text("user who sent it; empty for a pod's and a component's"),
    places: texts("places of the stream that it was stored at"),
  },
} as const satisfies Question;
