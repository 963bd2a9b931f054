import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { unfollowed } from "#nervous-system/kubernetes/informer-health.ts";
import type { Informer } from "#nervous-system/kubernetes/informer.ts";
import type { LeaderElector } from "#nervous-system/kubernetes/lease.ts";
import type { Controller } from "#operator/runtime/controller.ts";

/** A part of the process besides informers and controllers that starts when it leads and ends before it stops leading. */
type Runnable = { readonly name: string; run(signal: AbortSignal): Promise<void> };

/** What a manager is made of. */
export type ManagerOptions = {
  // A manager only starts and watches informers; what they hold does not matter to it.
  informers: readonly Pick<Informer, "kind" | "run" | "hasSynced" | "synced" | "silenceMs">[];
  controllers: readonly Controller[];
  runnables?: readonly Runnable[];
  elector: LeaderElector;
  /** Called when the workers have ended and the lease is still held: writes the last Events. */
  beforeRelease?: () => Promise<void>;
  /** How long workers, and then `beforeRelease`, may take to end what they are at, in milliseconds. */
  stopTimeoutMs: number;
  clock: Clock;
  log: Log;
};

/** How a manager ended: asked to, or by losing the lease or a part, after which the process should exit and start anew. */
export type ManagerEnd = "stopped" | "lost" | "failed";

/** Runs the parts of an operator in their order. */
export type Manager = {
  /** Runs until the signal aborts or the lease is lost. */
  run(signal: AbortSignal): Promise<ManagerEnd>;
  /** Sentences that say why the process is not ready. A stand-by that does not lead is ready. */
  unready(): readonly string[];
};

/** Resolves to true when all of it ended within the limit. */
const within = async (options: ManagerOptions, what: Promise<unknown>): Promise<boolean> => {
  const timer = new AbortController();
  const late = options.clock.sleep(options.stopTimeoutMs, timer.signal).then(
    () => false,
    () => false,
  );
  const ended = await Promise.race([what.then(() => true), late]);
  timer.abort();
  return ended;
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });

type Running = { all: Promise<unknown>; failed: Promise<"failed"> };

const startRunnables = ({ runnables = [], log }: ManagerOptions, signal: AbortSignal): Running => {
  const failed = Promise.withResolvers<"failed">();
  const all = runnables.map((runnable) =>
    runnable.run(signal).catch((err: unknown) => {
      if (signal.aborted) return;
      log.error({ err, runnable: runnable.name }, "a part of the operator failed; stopping, to start anew");
      failed.resolve("failed");
    }),
  );
  return { all: Promise.all(all), failed: failed.promise };
};

const settleLease = async (options: ManagerOptions, end: ManagerEnd, inOrder: boolean): Promise<void> => {
  const { elector, log, stopTimeoutMs } = options;
  if (end === "lost") log.error({}, "the lease is lost: stopping, so that the new leader is alone");
  else if (inOrder) await elector.release();
  // A worker that hangs may still write: nobody may take over before the lease lapses by itself.
  else log.warn({ stopTimeoutMs }, "workers did not end in time; the lease is left to lapse");
};

const lead = async (options: ManagerOptions, signal: AbortSignal): Promise<ManagerEnd> => {
  const { controllers, elector } = options;
  const leading = new AbortController();
  const renewing = new AbortController();
  const held = elector.hold(renewing.signal);
  for (const controller of controllers) controller.start();
  const runnables = startRunnables(options, leading.signal);
  const asked = aborted(signal).then((): ManagerEnd => "stopped");
  const end = await Promise.race([held, asked, runnables.failed]);
  // Renewals go on while workers end what they are at, so that their last writes still pass the fence.
  leading.abort();
  const stopped = Promise.all([...controllers.map((c) => c.stop()), runnables.all]);
  const inOrder = await within(options, stopped.then(options.beforeRelease));
  renewing.abort();
  await held;
  await settleLease(options, end, inOrder);
  return end;
};

/*
 *  caches start ─> caches filled ─> lease won ─> controllers start ─> … ─> controllers end ─> lease given up ─> caches end
 */
/** Creates a manager. */
export const createManager = (options: ManagerOptions): Manager => ({
  unready: () => unfollowed(options.informers),
  run: async (signal) => {
    const { informers, elector, log } = options;
    const caches = new AbortController();
    const following = informers.map((informer) => informer.run(caches.signal));
    try {
      await Promise.all(informers.map((informer) => informer.synced(signal)));
      log.info({ informers: informers.length }, "caches are filled; waiting for the lease");
      await elector.acquire(signal);
      return await lead(options, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      await elector.release();
      return "stopped";
    } finally {
      caches.abort();
      await Promise.all(following);
    }
  },
});
