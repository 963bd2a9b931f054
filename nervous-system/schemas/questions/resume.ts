import { count, optional, text, texts, time, type Question } from "./define-question.ts";

/** Where each agent's record ends. */
export const resume = {
  name: "resume",
  asks: "Where did each attempt of a mission's agents end, what was kept of it, and which requests are open?",
  parameters: {
    mission: optional("text", "name of the mission"),
    agent: optional("text", "name or UID of the agent"),
  },
  columns: {
    mission: text("the mission"),
    agent: text("the agent"),
    agent_uid: text("its UID"),
    epoch: count("its attempt"),
    last_seq: count("place of the last frame in the attempt"),
    last_at: time("when that was recorded"),
    last_type: text("its type"),
    last_text: text("what it says"),
    snapshot_id: text("the last snapshot of the attempt; empty where there is none"),
    snapshot_seq: count("the last place that the snapshot covers; 0 where there is none"),
    snapshot_manifest: text("digest of the blob that says what the snapshot consists of"),
    open_requests: texts("ids of the agent's requests that nobody answered"),
  },
} as const satisfies Question;
