import { SpanStatusCode, type Span, type Tracer } from "@opentelemetry/api";
import { setImmediate } from "node:timers/promises";
import { createKeyedBackoff } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { assertNever, type Outcome } from "#nervous-system/kernel/outcome.ts";
import { createWorkQueue, type WorkQueue } from "#nervous-system/kernel/work-queue.ts";
import { isConflict } from "#nervous-system/kubernetes/errors.ts";
import type { Informer } from "#nervous-system/kubernetes/informer.ts";
import { controllerOf, keyOf, type KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import type { StoreChange } from "#nervous-system/kubernetes/store.ts";
import type { ControllerMetrics, ReconcileResult } from "#operator/runtime/controller-metrics.ts";

/** Which keys a change concerns; none means that the controller does not care. */
export type KeysOf<T extends KubeObject> = (change: StoreChange<T>) => readonly string[];

/** The changed object itself. */
export const itself: KeysOf<KubeObject> = ({ object }) => [keyOf(object.metadata)];

/**
 * The controlling owner of the changed object, when it is of `kind` in API group `group`. An object that changed hands
 * concerns both owners.
 */
export const itsController =
  (group: string, kind: string): KeysOf<KubeObject> =>
  (change) => {
    const versions = change.kind === "updated" ? [change.object, change.previous] : [change.object];
    const keys = versions.flatMap((object) => {
      const owner = controllerOf(object);
      const isOurs = owner?.kind === kind && owner.apiVersion.split("/")[0] === group;
      return isOurs ? [keyOf({ namespace: object.metadata.namespace, name: owner.name })] : [];
    });
    return [...new Set(keys)];
  };

/** Brings the world closer to what the object of `key` asks for. `signal` aborts when the process stops. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Outcome>;

/** What a controller is made of. */
export type ControllerOptions = {
  /** Name in metrics, logs and spans, such as `mission`. */
  name: string;
  /** How many keys are reconciled at a time; never two of the same. */
  workers: number;
  reconcile: Reconcile;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  metrics: ControllerMetrics;
  tracer: Tracer;
  log: Log;
};

/** A control loop over the keys of one kind. */
export type Controller = {
  readonly name: string;
  /** Queues the keys that `keysOf` answers, for everything in the cache and for each change. */
  watch<T extends KubeObject>(informer: Informer<T>, keysOf: KeysOf<T>): void;
  /** Queues one key, from a source that is no informer. */
  enqueue(key: string): void;
  /** Queues one key after `ms`; of two waits the earlier counts. */
  enqueueAfter(key: string, ms: number): void;
  /** Starts the workers; keys queued before are waiting for them. */
  start(): void;
  /** Takes no more keys; resolves when no worker is at work. */
  stop(): Promise<void>;
  /** Brings self-changing gauges up to date. */
  refreshMetrics(): void;
};

// First retry within 100 ms; a key that keeps failing is tried every minute on average.
const RETRY = { baseMs: 100, capMs: 120_000 };

/** What the queue does with a key after its outcome. */
type Retry = { result: ReconcileResult; schedule: (queue: WorkQueue<string>, key: string) => void };

const again =
  (recheckMs: number | undefined) =>
  (queue: WorkQueue<string>, key: string): void => {
    queue.forget(key);
    if (recheckMs !== undefined) queue.addAfter(key, recheckMs);
  };

/** The one place where the kind of an outcome decides the retry. */
const decideRetry = (outcome: Outcome): Retry => {
  switch (outcome.kind) {
    case "done": {
      const result = outcome.recheckMs === undefined ? "success" : "requeue_after";
      return { result, schedule: again(outcome.recheckMs) };
    }
    case "waiting":
      return { result: "requeue_after", schedule: again(outcome.recheckMs) };
    case "stalled":
      return { result: "stalled", schedule: again(undefined) };
    case "failed":
      return { result: "error", schedule: (queue, key) => queue.addRateLimited(key) };
    default:
      return assertNever(outcome);
  }
};

const report = (log: Log, fields: Record<string, unknown>, outcome: Outcome): void => {
  if (outcome.kind !== "failed") {
    log.debug(
      { ...fields, outcome: outcome.kind, ...("reason" in outcome && { reason: outcome.reason }) },
      "reconciled",
    );
    return;
  }
  const { reason, error: err } = outcome;
  // Somebody else wrote first: expected now and then, and cured by the next try on a fresh read.
  if (isConflict(err)) log.info({ ...fields, reason, err }, "reconcile met a conflict; trying again");
  else log.error({ ...fields, reason, err }, "reconcile failed; trying again with backoff");
};

const describeOnSpan = (span: Span, outcome: Outcome): void => {
  span.setAttribute("enchanted.outcome", outcome.kind);
  if ("reason" in outcome) span.setAttribute("enchanted.reason", outcome.reason);
  if (outcome.kind !== "failed") return;
  span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.reason });
  span.recordException(outcome.error instanceof Error ? outcome.error : String(outcome.error));
};

const runOnce = (options: ControllerOptions, key: string, signal: AbortSignal): Promise<Outcome> => {
  const attributes = { "enchanted.controller": options.name, "enchanted.key": key };
  return options.tracer.startActiveSpan(`reconcile ${options.name}`, { attributes }, async (span) => {
    const outcome = await options
      .reconcile(key, signal)
      .catch((error: unknown): Outcome => ({ kind: "failed", reason: "ReconcileError", error }));
    describeOnSpan(span, outcome);
    span.end();
    return outcome;
  });
};

const work = async (options: ControllerOptions, queue: WorkQueue<string>, signal: AbortSignal): Promise<void> => {
  const { name, clock, metrics, log } = options;
  for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
    const startedMs = clock.monotonicMs();
    metrics.started();
    const outcome = await runOnce(options, key, signal);
    const { result, schedule } = decideRetry(outcome);
    metrics.finished(result, clock.monotonicMs() - startedMs);
    report(log, { controller: name, key }, outcome);
    schedule(queue, key);
    queue.done(key);
    // Reconciles that only read the cache never leave the microtask queue: lease renewals and watches must get a turn.
    await setImmediate();
  }
};

/** Creates a controller; it collects keys at once and works on them from `start` on. */
export const createController = (options: ControllerOptions): Controller => {
  const { name, clock, metrics } = options;
  const backoff = createKeyedBackoff<string>({ ...RETRY, random: options.random });
  const queue = createWorkQueue<string>({ clock, backoff, hooks: metrics.queueHooks });
  const stopping = new AbortController();
  let workers: Promise<void>[] = [];
  return {
    name,
    watch: (informer, keysOf) =>
      informer.addHandler((change) => {
        for (const key of keysOf(change)) queue.add(key);
      }),
    enqueue: (key) => queue.add(key),
    enqueueAfter: (key, ms) => queue.addAfter(key, ms),
    start: () => {
      workers = Array.from({ length: options.workers }, () => work(options, queue, stopping.signal));
    },
    stop: async () => {
      stopping.abort(new Error(`controller ${name} stops`));
      await Promise.all([queue.shutDown("drop"), ...workers]);
    },
    refreshMetrics: () => metrics.refresh(queue),
  };
};
