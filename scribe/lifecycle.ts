import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Recorder } from "#nervous-system/recorder/recorder.ts";

/** The scribe's own words in the record. */
export type Lifecycle = {
  tell(phase: "Started" | "Draining" | "Stopped", reason?: string): Promise<void>;
  /** Begins to write a HEARTBEAT every `everyMs`; the answer ends it. */
  beat(everyMs: number): () => void;
};

/** Creates the voice of the scribe; a frame that cannot be written is logged, since it must not end the recording. */
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
    tell: (phase, reason) =>
      record("LIFECYCLE", { phase, attempt: recorder.epoch, ...(reason === undefined ? {} : { reason }) }),
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
