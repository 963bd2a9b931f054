/** Seconds of a `retry-after` header in milliseconds, a minute at most; a date is not read. */
export const afterMsOf = (header: string | undefined): number | undefined =>
  header !== undefined && /^\d{1,6}$/.test(header) ? Math.min(Number(header), 60) * 1_000 : undefined;

/** What is refused of the key, the model's name, the time or the rate: nothing that other texts would mend. */
const NOT_OF_TEXTS: ReadonlySet<number> = new Set([401, 403, 404, 408, 429]);

/** Whether a status refuses what it was sent, so that the same texts will never be taken. */
export const refusesTexts = (status: number): boolean => status >= 400 && status < 500 && !NOT_OF_TEXTS.has(status);
