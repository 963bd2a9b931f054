import { count, needed, text, type Question } from "./define-question.ts";

/** How a mission came to what it changed. */
export const provenance: Question = {
  name: "provenance",
  asks: "Which decisions of a mission's agents led to which changes of which files, and in which commits and pull requests are those?",
  parameters: { mission: needed("text", "name of the mission") },
  columns: {
    place: count("place of the frame that says so"),
    from_kind: text("mission, agent, decision, change, commit or pull request"),
    from: text("what that is, in words"),
    relation: text("how the two belong together"),
    to_kind: text("agent, decision, change, file, commit, pull request or rollback"),
    to: text("what that is, in words"),
    from_id: text("tells the first one from all others"),
    to_id: text("tells the second one from all others"),
  },
};
