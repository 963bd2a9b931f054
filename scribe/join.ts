import type { Duplex } from "node:stream";

/** Carries everything from each to the other; when one breaks or closes, the other is closed. */
export const join = (one: Duplex, other: Duplex): void => {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    from.once("close", () => to.destroy());
    from.pipe(to);
  }
};
