import { createHash } from "node:crypto";

/** Why an agent ended without success; the operator shows the reason, people read the message. */
export type AgentFailure = {
  readonly reason: string;
  readonly message: string;
  /** False when another attempt would end the same way. */
  readonly retry: boolean;
};

/** Ends the agent with a reason. */
export class AgentStopped extends Error {
  override readonly name = "AgentStopped";
  readonly failure: AgentFailure;
  constructor(failure: AgentFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

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

/** How often one call with one outcome was seen. */
type RepetitionVerdict = "new" | "warn" | "stuck";

/** Notices an agent that does the same thing again and again with the same result over the same files. */
export type RepetitionGuard = {
  /** Counts a call; `tree` is the workspace's state after it. */
  see(call: { tool: string; input: unknown; result: string; tree: string }): RepetitionVerdict;
};

// `after 31 ms`, `duration_ms 31.25` and the like differ each time without meaning anything.
const withoutTimes = (text: string): string => text.replaceAll(/\d+\.\d+|\d+\s*m?s\b/g, "");

/** Creates a guard that warns at the third and gives up at the sixth time. */
export const createRepetitionGuard = (warnAt = 3, stuckAt = 6): RepetitionGuard => {
  const seen = new Map<string, number>();
  return {
    see: ({ tool, input, result, tree }) => {
      const fact = JSON.stringify([tool, input, withoutTimes(result), tree]);
      const key = createHash("sha256").update(fact).digest("base64");
      const times = (seen.get(key) ?? 0) + 1;
      seen.set(key, times);
      if (times >= stuckAt) return "stuck";
      return times >= warnAt ? "warn" : "new";
    },
  };
};
