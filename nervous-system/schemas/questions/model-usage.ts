import { count, number, optional, period, text, time, type LeftOut, type Question } from "./define-question.ts";

/** An agent's own telling may be of a call that the gateway or `enchanted run` told already, so that counting both counts it twice. */
export const ownCalls: LeftOut = {
  type: "CHAT",
  what: "calls of models that only agents, or imported sessions of other agents, tell of",
};

/** What models were asked. */
export const modelUsage = {
  name: "model-usage",
  asks: "Which agent used which model how much? The most tokens first.",
  leavesOut: ownCalls,
  parameters: {
    mission: optional("text", "name of the mission"),
    agent: optional("text", "name or UID of the agent"),
    model: optional("text", "name of the model"),
    ...period,
  },
  columns: {
    mission: text("the mission"),
    agent: text("the agent"),
    agent_uid: text("its UID"),
    model: text("the model"),
    calls: count("calls"),
    failed: count("those without an answer, or with a status from 400"),
    input_tokens: count("tokens sent"),
    output_tokens: count("tokens answered"),
    median_ms: number("time that half of the calls took at most, milliseconds"),
    p99_ms: number("time that 99 of 100 calls took at most, milliseconds"),
    first_at: time("when the first call was recorded"),
    last_at: time("when the last one was"),
  },
} as const satisfies Question;
