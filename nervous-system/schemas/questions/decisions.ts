import { count, needed, number, optional, period, text, texts, time, type Question } from "./define-question.ts";

/** What an agent decided. */
export const decisions = {
  name: "decisions",
  asks: "What did an agent decide, why, and what did it reject? The newest first.",
  parameters: {
    agent: needed("text", "name or UID of the agent"),
    about: optional("words", "words that all stand in the reasoning or the strategy, in either case of letters"),
    mission: optional("text", "name of the mission"),
    ...period,
  },
  columns: {
    at: time("when it was recorded"),
    mission: text("the mission"),
    agent: text("who decided"),
    epoch: count("the agent's attempt"),
    seq: count("its place in the attempt"),
    strategy: text("what was taken"),
    reasoning: text("why"),
    rejected: texts("what was considered and not taken"),
    confidence: number("how sure the agent was, 0 to 1"),
    commit: text("the commit that it belongs to"),
    event_id: text("its id"),
  },
} as const satisfies Question;
