import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Recorder } from "#nervous-system/recorder/recorder.ts";
import type { Refusal } from "#nervous-system/recorder/read-input.ts";
import type { WalStats } from "#nervous-system/recorder/wal/wal.ts";

/** The scribe's own words in the record. */
export type Lifecycle = {
  tell(
    phase: "Started" | "Draining" | "Stopped",
    more?: { readonly reason?: string; readonly task?: string },
  ): Promise<void>;
  /** Begins to write a HEARTBEAT every `everyMs`; the answer ends it. */
  beat(everyMs: number): () => void;
};

/** Creates what the scribe says of itself; a frame that cannot be written is logged, since it must not end the recording. */
export const createLifecycle = (recorder: Recorder, clock: Pick<Clock, "after">, log: Log): Lifecycle => {
  const record = async (event_type: string, payload: Record<string, unknown>): Promise<void> => {
    try {
      const result = await recorder.record({ event_type, payload }, { producer: "scribe" });
      if (!result.ok) log.error({ event_type }, `the recorder refused the scribe's own frame: ${result.reason}`);
    } catch (error) {
      log.warn({ event_type, error: String(error) }, "the scribe's own frame was not written");
    }
  };
  return {
    tell: (phase, more) => record("LIFECYCLE", { phase, attempt: recorder.epoch, ...more }),
    beat: (everyMs) => {
      let cancel: () => void = () => undefined;
      const again = (): void => {
        // The next beat is counted from the end of this one: a log that waits for its disk does not pile them up.
        cancel = clock.after(everyMs, () => void record("HEARTBEAT", {}).then(() => (stopped ? undefined : again())));
      };
      let stopped = false;
      again();
      return () => {
        stopped = true;
        cancel();
      };
    },
  };
};

/** Makes refused frames visible: in the log and in a metric, and in the record where a right was missing. */
export type Refusals = {
  tell(refusal: Pick<Refusal, "code" | "reason">): void;
  /** The last word: how many more there were than were told one by one. */
  end(): Promise<void>;
};

/** What telling refusals needs. */
type RefusalsOptions = {
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

const LOOK_EVERY_MS = 1000;

/** Tells in the log why writers wait, once, and when they go on; the answer ends it. */
export const watchStalls = (
  stats: () => Pick<WalStats, "stall">,
  clock: Pick<Clock, "after">,
  log: Log,
): (() => void) => {
  let told: string | undefined;
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const reason = stats().stall?.reason;
    if (reason !== undefined && reason !== told)
      log.warn({ reason }, `writers wait: ${stats().stall?.message ?? reason}`);
    if (reason === undefined && told !== undefined) log.info({}, "writers go on: the log takes frames again");
    told = reason;
    cancel = clock.after(LOOK_EVERY_MS, look);
  };
  look();
  return () => cancel();
};
