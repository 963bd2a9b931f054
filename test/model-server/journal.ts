import { createHash } from "node:crypto";
import type { ChatRequest } from "#test/model-server/conversation.ts";

/** What went wrong in one request. */
type PlayFailure = { scenario: string; turn: number; problem: string };

/** What was played since the start, as `GET /state` shows it. */
type PlayState = {
  requests: number;
  steps: Record<string, Record<string, number>>;
  failures: PlayFailure[];
};

const maxFailures = 100;
const maxConversations = 10_000;

/** Remembers what was played and how often each request met its fault. */
export type Journal = {
  played(scenario: string, turn: number): void;
  failed(failure: PlayFailure): void;
  /** How often this request was counted before; counts it. */
  strike(scenario: string, request: ChatRequest): number;
  state(): PlayState;
  reset(): void;
};

/** Creates an empty journal; its memory is bounded. */
export const createJournal = (): Journal => {
  let state: PlayState = { requests: 0, steps: {}, failures: [] };
  const strikes = new Map<string, number>();
  return {
    played: (scenario, turn) => {
      state.requests += 1;
      const steps = (state.steps[scenario] ??= {});
      steps[turn] = (steps[turn] ?? 0) + 1;
    },
    failed: (failure) => {
      state.requests += 1;
      if (state.failures.length < maxFailures) state.failures.push(failure);
    },
    strike: (scenario, request) => {
      const key = createHash("sha256")
        .update(`${scenario}\n${JSON.stringify(request.messages)}`)
        .digest("hex");
      const before = strikes.get(key) ?? 0;
      if (strikes.size >= maxConversations) strikes.clear();
      strikes.set(key, before + 1);
      return before;
    },
    state: () => structuredClone(state),
    reset: () => {
      state = { requests: 0, steps: {}, failures: [] };
      strikes.clear();
    },
  };
};
