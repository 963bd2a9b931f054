import type { Host } from "../host.ts";

/** A line at a terminal that is written over, and gone in the end. */
export type Progress = { show(text: string): void; clear(): void };

const CLEAR = "\r\u001B[K";

/** Shows nothing in the first second, nor anywhere but at a terminal. */
export const createProgress = (host: Pick<Host, "clock" | "hasTerminal" | "show">): Progress => {
  const began = host.clock.monotonicMs();
  const isTerminal = host.hasTerminal();
  let shown = "";
  return {
    show: (text) => {
      if (!isTerminal || text === shown || host.clock.monotonicMs() - began < 1000) return;
      shown = text;
      host.show(`${CLEAR}${text}`);
    },
    clear: () => {
      if (shown !== "") host.show(CLEAR);
      shown = "";
    },
  };
};
