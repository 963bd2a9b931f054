import { count, flag, needed, number, optional, text, texts, type Question } from "./define-question.ts";

/** What the memory holds about something, in whatever words it was told. */
export const recall: Question = {
  name: "recall",
  asks: "Have we met this before: which lessons, decisions or changes are about it, in whatever words?",
  parameters: {
    what: needed("text", "what it is about, such as the text of an error"),
    kind: optional("text", "lesson, decision or diff; lessons without it"),
    libraries: optional("words", "only what is about one of these libraries"),
    paths: optional("words", "only what is about one of these files"),
    place: optional("count", "as it was when this place was the stream's last"),
  },
  columns: {
    score: number("how well it fits, 1 the best; 0.7 of that where its change was closed"),
    text: text("what is remembered"),
    accepted: flag("whether somebody had accepted it then"),
    outcome: text("what had become of its mission's pull requests: merged, closed, or empty where nobody had said"),
    mission: text("mission that it is from"),
    place: count("place in the stream's order"),
    libraries: texts("libraries that it is about"),
    files: texts("files that it is about"),
    sources: texts("event ids that it rests on"),
    found_by: text("words and meaning, or why by words alone"),
    event_id: text("id of the frame"),
  },
};
