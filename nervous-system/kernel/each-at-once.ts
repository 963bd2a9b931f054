/**
 * Does `work` for each item, at most `atOnce` of them at a time. Where one fails none is begun after it; rejects with what failed
 * first, once nothing is at work any more.
 */
export const eachAtOnce = async <T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const left = items.values();
  const failed: unknown[] = [];
  const worker = async (): Promise<void> => {
    try {
      for (let next = left.next(); !next.done && failed.length === 0; next = left.next()) await work(next.value);
    } catch (error) {
      failed.push(error);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failed.length > 0) throw failed[0];
};
