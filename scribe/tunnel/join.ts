import type { Duplex } from "node:stream";

/** Ends a side: what was written to it still goes out, then it is closed, whatever its far end does. */
export const hangUp = (side: Duplex): void => {
  if (side.writableFinished) return void side.destroy();
  side.once("finish", () => side.destroy());
  side.end();
};

/** Carries everything from each to the other; when one has ended, the other gets the rest and is closed, when one breaks, at once. */
export const join = (one: Duplex, other: Duplex): void => {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    from.once("close", () => (from.readableEnded ? hangUp(to) : to.destroy()));
    from.pipe(to);
  }
};
