import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { unfollowed } from "#nervous-system/kubernetes/informer-health.ts";
import type { Informer } from "#nervous-system/kubernetes/informer.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { decideTrim, troubleOf } from "#pipeline/trimmer/decide-trim.ts";
import { missionsAsHolders, readersAsHolders } from "#pipeline/trimmer/holders.ts";
import type { TrimmerMetrics } from "#pipeline/trimmer/measure.ts";

/** What trimming needs. */
export type TrimmerOptions = {
  readonly bus: Pick<Bus, "streamState" | "trim">;
  readonly missions: Pick<Informer<Mission>, "kind" | "list" | "synced" | "hasSynced" | "silenceMs">;
  /** How long frames stay that nobody needs any more, milliseconds; less where the stream fills up. */
  readonly windowMs: number;
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly metrics: TrimmerMetrics;
  readonly log: Log;
  /** Told what keeps the stream from being trimmed, and undefined once it is again. */
  readonly onTrouble: (reason: string | undefined) => void;
};

const ROUND_MS = 5_000;

type Step = { readonly gone: number; readonly pressed: boolean };

/** One step: looks at the stream and at who needs it, and trims what may go. */
const step = async (options: TrimmerOptions, wasPressed: boolean): Promise<Step> => {
  const { bus, missions, clock, windowMs, metrics, onTrouble } = options;
  // A mission that was made a moment ago needs nothing that stood there before it; only one long unheard of could.
  const [unheard] = unfollowed([missions]);
  if (unheard !== undefined) throw new Error(unheard);
  const state = await bus.streamState();
  const readers = readersAsHolders(await bus.trim.watermarks(state));
  const unfinished = missionsAsHolders(missions.list(), state);
  const plan = decideTrim(state, [...readers, ...unfinished], { nowMs: clock.now(), windowMs, wasPressed });
  metrics.streamBytes.set(state.bytes);
  metrics.streamLimitBytes.set(state.limitBytes ?? 0);
  metrics.streamHeldMessages.set(Math.max(0, state.lastSeq + 1 - Math.max(plan.holder.seq, state.firstSeq)));
  const { range, pressed } = plan;
  const mayGo = range.before > state.firstSeq && state.firstStoredMs < range.storedBeforeMs;
  const gone = mayGo ? await bus.trim.trim(state, range) : 0;
  metrics.streamTrimmed.inc(gone);
  onTrouble(troubleOf(state, plan));
  return { gone, pressed };
};

/** Trims the stream until the signal aborts; what fails is tried again in the next round. */
export const runTrimmer = async (options: TrimmerOptions, signal: AbortSignal): Promise<void> => {
  await options.missions.synced(signal);
  let done: Step = { gone: 0, pressed: false };
  while (!signal.aborted) {
    try {
      do {
        done = await step(options, done.pressed);
        signal.throwIfAborted();
      } while (done.gone > 0);
    } catch (err) {
      if (signal.aborted) return;
      options.onTrouble(`the stream cannot be trimmed: ${String(err)}`);
    }
    await options.clock.sleep(ROUND_MS, signal).catch(() => undefined);
  }
};
