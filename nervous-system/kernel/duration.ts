const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration as people write it: `500ms`, `1m30s`, `7d`. What else stands in the text counts for nothing. */
export const durationMs = (text: string): number => {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    total += Number(amount) * (unitMs[unit ?? ""] ?? 0);
  return total;
};
