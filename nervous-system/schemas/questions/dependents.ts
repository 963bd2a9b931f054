import { count, needed, optional, text, texts, type Question } from "./define-question.ts";

/** What a change of a file may break. */
export const dependents: Question = {
  name: "dependents",
  asks: "What depends on a file, directly or by up to eight steps?",
  parameters: {
    path: needed("text", "path of the file in the workspace"),
    mission: optional("text", "only in this mission's workspace"),
    place: optional("count", "as it was when this place was the stream's last"),
  },
  columns: {
    file: text("path of what depends on it"),
    mission: text("mission whose workspace it is in"),
    steps: count("1 where it imports the file itself"),
    depends_on: texts("paths of what it depends on itself"),
  },
};
