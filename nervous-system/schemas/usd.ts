/** Dollars as people write them: up to six digits, and up to nine behind the point. */
export const usdPattern = /^[0-9]{1,6}(\.[0-9]{1,9})?$/;

const NANO_DIGITS = 9;
const NANO = 10 ** NANO_DIGITS;

/** Billionths of a dollar, exact: of what `usdPattern` takes it is below 2^53. */
export const nanoUsdOf = (text: string): number => {
  const [whole = "", part = ""] = text.split(".");
  return Number(whole) * NANO + Number(part.padEnd(NANO_DIGITS, "0"));
};

/** Dollars of billionths, with every digit that says something, and two behind the point at least. */
export const renderUsd = (nano: number): string => {
  const part = String(nano % NANO).padStart(NANO_DIGITS, "0");
  return `${Math.floor(nano / NANO)}.${part.slice(0, 2)}${part.slice(2).replace(/0+$/, "")}`;
};
