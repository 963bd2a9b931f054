const PATTERN = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/;

/** Unix nanoseconds of an RFC 3339 time, `undefined` if it is none; digits beyond nanoseconds are cut. */
export const parseTimestampNs = (text: string): bigint | undefined => {
  const [, date, time, fraction = "", zone] = PATTERN.exec(text) ?? [];
  if (date === undefined || time === undefined || zone === undefined) return undefined;
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(ms)) return undefined;
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
};

/** RFC 3339 in UTC with nine digits of a Unix time in nanoseconds. */
export const renderTimestamp = (ns: bigint): string => {
  const seconds = ns / 1_000_000_000n;
  const fraction = (ns % 1_000_000_000n).toString().padStart(9, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
};
