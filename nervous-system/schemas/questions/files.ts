import { count, needed, optional, period, text, time, type Question } from "./define-question.ts";

/** Who changed a file. */
export const files = {
  name: "files",
  asks: "Who changed a file or a folder, when, and by which decision before? The newest first.",
  parameters: {
    file: needed("text", "path in the workspace; with / at its end all that lies below"),
    agent: optional("text", "name or UID of the agent"),
    persona: optional("text", "persona of the agent by its name, or by the digest of its prompt"),
    mission: optional("text", "name of the mission"),
    ...period,
  },
  columns: {
    at: time("when it was recorded"),
    mission: text("the mission"),
    agent: text("who changed it"),
    persona: text("the agent's persona"),
    file: text("the path"),
    change: text("added, modified, deleted or renamed"),
    lines_added: count("lines added; 0 where that is not known"),
    lines_removed: count("lines removed; 0 where that is not known"),
    strategy: text("what the agent's last decision before took"),
    why: text("the reasoning of that decision"),
    decided_at: time("when that was recorded; null where there is none"),
    commit: text("the commit that the change belongs to"),
    event_id: text("id of the change"),
  },
} as const satisfies Question;
