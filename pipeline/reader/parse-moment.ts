import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";

/** The last nanosecond that the ledger's times hold. */
export const LAST_NS = 2n ** 63n - 1n;

const DATE_TIME = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?(Z|z|[+-]\d\d:\d\d)?)?$/;
const CLOCK = /^(\d\d:\d\d)(:\d\d)?$/;
const AGO = /^(\d{1,6})(s|m|h|d|w)$/;

const unitMs: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 604_800e3 };

/** What a time in words has to look like. */
export const momentForms =
  "a time in UTC such as 2026-11-30T04:00:00Z, 2026-11-30 04:00, 2026-11-30, 04:00 (today), or 90m, 2h, 7d (ago)";

const within = (ns: bigint | undefined): bigint | undefined =>
  ns !== undefined && ns >= 0n && ns <= LAST_NS ? ns : undefined;

const dateTimeNs = (text: string): bigint | undefined => {
  const [, date, minutes = "00:00", seconds = ":00", zone = "Z"] = DATE_TIME.exec(text) ?? [];
  if (date === undefined) return undefined;
  // A day that its month does not have would be one of the next.
  const day = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== date) return undefined;
  return parseTimestampNs(`${date}T${minutes}${seconds}${zone}`);
};

/** Reads a moment as people write it, in Unix nanoseconds; undefined where it is none, or none that a ledger holds. */
export const parseMoment = (text: string, nowMs: number): bigint | undefined => {
  const [, amount, unit = ""] = AGO.exec(text) ?? [];
  if (amount !== undefined) return within(BigInt(nowMs - Number(amount) * (unitMs[unit] ?? 0)) * 1_000_000n);
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const [, minutes, seconds = ":00"] = CLOCK.exec(text) ?? [];
  return within(dateTimeNs(minutes === undefined ? text : `${today}T${minutes}${seconds}Z`));
};
