import { setImmediate } from "node:timers/promises";

/** What is done at once. */
const AT_ONCE_MS = 10;

/**
 * Walks to the end of what may take long, and lets others be served in between, as it is in the thread that records; "late" where
 * it became so meanwhile.
 */
export const untilEnd = async <T>(steps: Iterator<undefined, T>, late: Promise<"late">): Promise<T | "late"> => {
  let end = performance.now() + AT_ONCE_MS;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() < end) continue;
    if ((await Promise.race([late, setImmediate()])) === "late") return "late";
    end = performance.now() + AT_ONCE_MS;
  }
};
