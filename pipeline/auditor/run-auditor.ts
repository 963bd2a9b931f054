import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import type { FindingsBoard } from "#pipeline/auditor/findings-board.ts";
import { readLagSeconds } from "#pipeline/auditor/lag.ts";
import type { AuditorMetrics } from "#pipeline/auditor/measure.ts";
import type { StreamView } from "#pipeline/auditor/view.ts";
import type { RoundBudget, Walker } from "#pipeline/auditor/walker.ts";

/** What auditing needs. */
export type AuditorOptions = {
  readonly bus: Pick<Bus, "streamState" | "trim" | "storedMs">;
  readonly walkers: readonly Walker[];
  readonly board: FindingsBoard;
  /** Names of the sinks whose lag is told. */
  readonly sinks: readonly string[];
  readonly budget: RoundBudget;
  readonly clock: Pick<Clock, "now" | "sleep" | "after">;
  readonly metrics: AuditorMetrics;
  readonly log: Log;
  /** Told what keeps a walk from being taken, or the stream from being seen, and undefined once it is again. */
  readonly onTrouble: (what: string, reason: string | undefined) => void;
  /** Told of each walk that was taken, and whether it came to the end of all of the record. */
  readonly onWalk: (walk: string, isThrough: boolean) => void;
  /** Told at the end of each round, whatever became of it. */
  readonly onRound: () => void;
};

const ROUND_MS = 60_000;
/** Longest that a walk may take of a round: a store that never answers must not hold the others up. */
const WALK_MS = 300_000;
const STREAM_MS = 30_000;

/** Does something within a time; rejects with the signal's reason when that aborts first. */
const within = async <T>(
  { clock }: Pick<AuditorOptions, "clock">,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const over = new AbortController();
  const stop = (): void => over.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  const cancel = clock.after(ms, () => over.abort(new Error(`it did not come to its end within ${ms / 1000} s`)));
  try {
    return await untilAborted(work(over.signal), over.signal);
  } finally {
    cancel();
    signal.removeEventListener("abort", stop);
    over.abort(new Error("it is done"));
  }
};

/** Reads how far every sink is, and tells it. */
const look = async ({ bus, sinks, clock, metrics }: AuditorOptions): Promise<StreamView> => {
  const state = await bus.streamState();
  const finished = await bus.trim.watermarks(state);
  for (const store of sinks) {
    const options = { state, finished: finished.get(store) ?? 0, storedMs: bus.storedMs, nowMs: clock.now() };
    metrics.recordLagSeconds.set({ store }, await readLagSeconds(options));
  }
  return { created: state.created, lastSeq: state.lastSeq, finished, nowMs: clock.now() };
};

const takeWalk = async (options: AuditorOptions, walker: Walker, view: StreamView, signal: AbortSignal) => {
  const { clock, metrics, budget, onTrouble, onWalk } = options;
  const { name: walk } = walker;
  try {
    const isThrough = await within(options, WALK_MS, signal, (limited) => walker.round(view, budget, limited));
    metrics.auditRound.set({ walk }, clock.now() / 1000);
    if (isThrough) metrics.auditWalk.set({ walk }, clock.now() / 1000);
    onWalk(walk, isThrough);
    onTrouble(walk, undefined);
  } catch (error) {
    if (!signal.aborted) onTrouble(walk, `the ${walk} cannot be audited: ${String(error)}`);
  }
};

/** One round: what each sink lags behind, then each walk, of which none holds up another. */
const round = async (options: AuditorOptions, signal: AbortSignal): Promise<void> => {
  const { walkers, board, onTrouble } = options;
  const view = await within(options, STREAM_MS, signal, () => look(options));
  onTrouble("stream", undefined);
  for (const walker of walkers) await takeWalk(options, walker, view, signal);
  board.measure();
};

/** Audits the record, a round a minute, until the signal aborts; what fails is tried again in the next round. */
export const runAuditor = async (options: AuditorOptions, signal: AbortSignal): Promise<void> => {
  // A walk that was never taken must not look like one that nobody takes.
  for (const { name: walk } of options.walkers)
    for (const last of [options.metrics.auditRound, options.metrics.auditWalk]) last.set({ walk }, 0);
  while (!signal.aborted) {
    try {
      await round(options, signal);
    } catch (error) {
      if (signal.aborted) return;
      options.onTrouble("stream", `the stream does not tell how far the sinks are: ${String(error)}`);
    }
    options.onRound();
    await options.clock.sleep(ROUND_MS, signal).catch(() => undefined);
  }
};
