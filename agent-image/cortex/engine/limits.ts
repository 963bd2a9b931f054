import type { AgentFailure } from "./failure.ts";

/** What one attempt may use. */
export type Limits = {
  readonly maxTurns: number;
  readonly maxTokens: number;
  readonly timeMs: number;
  /** Answers in a row that hold no call that could be run. */
  readonly maxNonsense: number;
};

/** What one attempt has used. */
export type Usage = {
  readonly turns: number;
  readonly tokens: number;
  readonly elapsedMs: number;
  readonly nonsenseInARow: number;
  /** What was wrong with the last answer that made no sense. */
  readonly lastNonsense: string;
};

type Check = (used: Usage, limits: Limits) => AgentFailure | undefined;

const nonsense: Check = (used, limits) =>
  used.nonsenseInARow <= limits.maxNonsense
    ? undefined
    : {
        reason: "ModelNonsense",
        message: `the model gave ${used.nonsenseInARow} answers in a row that could not be used; the last: ${used.lastNonsense}`,
        retry: true,
      };

const turns: Check = (used, limits) =>
  used.turns < limits.maxTurns
    ? undefined
    : { reason: "TurnLimit", message: `the work was not finished after ${limits.maxTurns} turns`, retry: true };

const tokens: Check = (used, limits) =>
  used.tokens < limits.maxTokens
    ? undefined
    : {
        reason: "TokenLimit",
        message: `the work was not finished after ${used.tokens} tokens (limit ${limits.maxTokens})`,
        retry: true,
      };

const time: Check = (used, limits) =>
  used.elapsedMs < limits.timeMs
    ? undefined
    : {
        reason: "TimeLimit",
        message: `the work was not finished after ${Math.round(used.elapsedMs / 1000)} s`,
        retry: true,
      };

const checks: readonly Check[] = [nonsense, turns, tokens, time];

/** The first limit that is used up, as the reason to end; undefined while there is room. */
export const decideLimit = (used: Usage, limits: Limits): AgentFailure | undefined => {
  for (const check of checks) {
    const failure = check(used, limits);
    if (failure !== undefined) return failure;
  }
  return undefined;
};
