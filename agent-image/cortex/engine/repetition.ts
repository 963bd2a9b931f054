import { createHash } from "node:crypto";

/** How often one call with one outcome was seen. */
export type RepetitionVerdict = "new" | "warn" | "stuck";

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
