import type { Log } from "#nervous-system/kernel/log.ts";
import type { Recorder } from "#nervous-system/recorder/recorder.ts";
import type { Refusal } from "#nervous-system/recorder/read-input.ts";

/** Makes refused frames visible: in the log and in a metric, and in the record where a right was missing. */
export type Refusals = {
  tell(refusal: Pick<Refusal, "code" | "reason">): void;
  /** The last word: how many more there were than were told one by one. */
  end(): Promise<void>;
};

/** What telling refusals needs. */
export type RefusalsOptions = {
  recorder: Pick<Recorder, "record">;
  log: Log;
  count: (code: string) => void;
};

// A flood of garbage must not become a flood of errors.
const MAX_TOLD = 50;

/** Creates refusals that have told nothing yet. */
export const createRefusals = ({ recorder, log, count }: RefusalsOptions): Refusals => {
  let refused = 0;
  const record = async (message: string, code?: string): Promise<void> => {
    const payload = { message, fatal: false, ...(code === undefined ? {} : { code }) };
    await recorder.record({ event_type: "ERROR", payload }, { producer: "scribe" }).catch(() => undefined);
  };
  return {
    tell: ({ code, reason }) => {
      refused += 1;
      count(code);
      if (refused > MAX_TOLD) return;
      log.warn({ code, reason }, "a frame was refused");
      // Who writes garbage is told so by the answer; who tries what it may not is told of.
      if (code === "Forbidden") void record(`a frame was refused: ${reason}`, code);
    },
    end: async () => {
      if (refused > MAX_TOLD) await record(`${refused - MAX_TOLD} more frames were refused`);
    },
  };
};
