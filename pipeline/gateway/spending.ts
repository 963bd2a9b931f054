import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Used } from "#nervous-system/schemas/budget.ts";
import { nanoUsdOf, renderUsd } from "#nervous-system/schemas/usd.ts";

/** Tokens of a call, and what it cost in billionths of a dollar. */
export type Spent = { readonly inputTokens: number; readonly outputTokens: number; readonly nanoUsd: number };

/** What missions have used by what this gateway knows: the operator tells it in their status some seconds later. */
export type Spending = {
  usedBy(mission: Mission): Used;
  note(mission: Mission, spent: Spent): void;
};

const plus = (a: Spent, b: Spent): Spent => ({
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  nanoUsd: a.nanoUsd + b.nanoUsd,
});

const told = ({ status }: Mission): Spent => {
  const { inputTokens = 0, outputTokens = 0, costUSD = "0" } = status?.usage ?? {};
  return { inputTokens, outputTokens, nanoUsd: nanoUsdOf(costUSD) };
};

const larger = (a: Spent, b: Spent): Spent => ({
  inputTokens: Math.max(a.inputTokens, b.inputTokens),
  outputTokens: Math.max(a.outputTokens, b.outputTokens),
  nanoUsd: Math.max(a.nanoUsd, b.nanoUsd),
});

/** Creates it for at most `max` missions; of more it forgets the one that it heard of first, and goes by its status. */
export const createSpending = (max: number): Spending => {
  /** What the status said before the first call, and all calls since. */
  const known = new Map<string, Spent>();
  const of = (mission: Mission): Spent => larger(told(mission), known.get(mission.metadata.uid) ?? told(mission));
  return {
    usedBy: (mission) => {
      const { nanoUsd, ...tokens } = of(mission);
      return { frames: mission.status?.usage?.frames, ...tokens, costUSD: renderUsd(nanoUsd) };
    },
    note: (mission, spent) => {
      const { uid } = mission.metadata;
      known.set(uid, plus(known.get(uid) ?? told(mission), spent));
      for (const oldest of [...known.keys()].slice(0, known.size - max)) known.delete(oldest);
    },
  };
};
