import { textIn, type Members } from "./frame-values.ts";

/** A count, zero or more, as a number or in digits. */
export const countIn = (value: unknown): number | undefined => {
  const count = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
};

/** Attributes of which one after the other is taken, so that what is left over can be kept too. */
export type Remaining = {
  /** Takes the first of `names` that is there; undefined when none is. */
  take(...names: readonly string[]): unknown;
  /** Takes the first of `names` that is a text and not empty. */
  takeText(...names: readonly string[]): string | undefined;
  /** Takes the first of `names` that is a count, zero or more, as a number or in digits. */
  takeCount(...names: readonly string[]): number | undefined;
  /** Looks without taking. */
  peek(name: string): unknown;
  /** What nobody took. */
  rest(): Members;
};

/** Creates the view on a copy. */
export const createRemaining = (attributes: Readonly<Members>): Remaining => {
  const left = new Map(Object.entries(attributes));
  const takeAs = <T>(names: readonly string[], read: (value: unknown) => T | undefined): T | undefined => {
    const name = names.find((candidate) => read(left.get(candidate)) !== undefined);
    if (name === undefined) return undefined;
    const value = read(left.get(name));
    left.delete(name);
    return value;
  };
  return {
    take: (...names) => takeAs(names, (value) => value),
    takeText: (...names) => takeAs(names, textIn),
    takeCount: (...names) => takeAs(names, countIn),
    peek: (name) => left.get(name),
    rest: () => Object.fromEntries(left),
  };
};
