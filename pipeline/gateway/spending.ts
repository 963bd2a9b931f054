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

/**
 * Creates it for at most `max` missions; of more it forgets the one that it heard of first, and goes by its status.
 *
 * What a status told when it was seen, and the calls of this gateway since, is never more than was used: a call is noted before its
 * frame is written, so none that is noted after a status was seen can be in it. The largest of these, over all times at which a status
 * was seen, is what is known: to see a status raises it to that, a call adds to it. It falls behind by what others used, or this
 * gateway before it started, as long as no status tells of it, and by no more.
 */
export const createSpending = (max: number): Spending => {
  const known = new Map<string, Spent>();
  const keep = (mission: Mission, spent: Spent): void => {
    known.set(mission.metadata.uid, spent);
    for (const oldest of [...known.keys()].slice(0, known.size - max)) known.delete(oldest);
  };
  const see = (mission: Mission): Spent => {
    const seen = larger(told(mission), known.get(mission.metadata.uid) ?? told(mission));
    keep(mission, seen);
    return seen;
  };
  return {
    usedBy: (mission) => {
      const { nanoUsd, ...tokens } = see(mission);
      return { frames: mission.status?.usage?.frames, ...tokens, costUSD: renderUsd(nanoUsd) };
    },
    note: (mission, spent) => keep(mission, plus(see(mission), spent)),
  };
};
