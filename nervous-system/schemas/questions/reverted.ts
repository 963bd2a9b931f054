import { needed, text, time, type Question } from "./define-question.ts";

/** Which changes of a persona were taken back. */
export const reverted: Question = {
  name: "reverted",
  asks: "Which files that agents of a persona changed were in a pull request that was rolled back? The newest first.",
  parameters: { persona: needed("text", "name of the persona") },
  columns: {
    file: text("path of the file"),
    agent: text("agent that changed it"),
    pull_request: text("address of the pull request"),
    rolled_back: time("when the rollback was recorded"),
  },
};
