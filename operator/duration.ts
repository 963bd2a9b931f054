const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration as people write it: `30s`, `1m30s`, `500ms`. */
export const durationPattern = /^([0-9]+(ms|s|m|h))+$/;

/** Milliseconds of a duration that matches `durationPattern`. */
export const durationMs = (text: string): number => {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+)(ms|s|m|h)/g))
    total += Number(amount) * (unitMs[unit ?? ""] ?? 0);
  return total;
};
