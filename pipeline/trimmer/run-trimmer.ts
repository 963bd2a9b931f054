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

/** One step: looks at the stream and at who needs it, and trims what may go; answers whether there may be more. */
const step = async (options: TrimmerOptions): Promise<boolean> => {
  const { bus, missions, clock, windowMs, metrics, onTrouble } = options;
  // A mission that was made a moment ago needs nothing that stood there before it; only one long unheard of could.
  const [unheard] = unfollowed([missions]);
  if (unheard !== undefined) throw new Error(unheard);
  const state = await bus.streamState();
  const readers = readersAsHolders(await bus.trim.watermarks(state));
  const unfinished = missionsAsHolders(missions.list(), state);
  const plan = decideTrim(state, [...readers, ...unfinished], { nowMs: clock.now(), windowMs });
  metrics.streamBytes.set(state.bytes);
  metrics.streamLimitBytes.set(state.limitBytes ?? 0);
  metrics.streamHeldMessages.set(Math.max(0, state.lastSeq + 1 - Math.max(plan.holder.seq, state.firstSeq)));
  onTrouble(troubleOf(state, plan));
  if (plan.range.before <= state.firstSeq) return false;
  const gone = await bus.trim.trim(state, plan.range);
  metrics.streamTrimmed.inc(gone);
  return gone > 0;
};

/** Trims the stream until the signal aborts; what fails is tried again in the next round. */
export const runTrimmer = async (options: TrimmerOptions, signal: AbortSignal): Promise<void> => {
  await options.missions.synced(signal);
  while (!signal.aborted) {
    try {
      while (await step(options)) signal.throwIfAborted();
    } catch (err) {
      if (signal.aborted) return;
      options.onTrouble(`the stream cannot be trimmed: ${String(err)}`);
    }
    await options.clock.sleep(ROUND_MS, signal).catch(() => undefined);
  }
};
