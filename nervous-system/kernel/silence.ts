import type { Clock } from "./clock.ts";

/** A watch on somebody who should go on: it calls once when nothing was heard for its time. */
export type SilenceWatch = { heard(): void; stop(): void };

/** Watches from now on; `onSilence` is called when nothing was heard for `ms`. */
export const watchSilence = (clock: Pick<Clock, "after">, ms: number, onSilence: () => void): SilenceWatch => {
  let cancel = clock.after(ms, onSilence);
  return {
    heard: () => {
      cancel();
      cancel = clock.after(ms, onSilence);
    },
    stop: () => cancel(),
  };
};
