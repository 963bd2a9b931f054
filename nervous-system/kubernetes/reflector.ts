import { type BackoffOptions, fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { ApiError, isExpired } from "#nervous-system/kubernetes/errors.ts";
import type { KubeClient, ListPage, Selection } from "#nervous-system/kubernetes/kube-client.ts";
import {
  decideReflectorStep,
  type ReflectorEnd,
  type ReflectorPosition,
} from "#nervous-system/kubernetes/reflector-decision.ts";
import { type KubeObject, resourceName, type ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import type { WatchEvent } from "#nervous-system/kubernetes/watch-stream.ts";

/** Who is told what the API server holds. */
type ReflectorSink<T extends KubeObject> = {
  /** Exactly these objects exist: whatever else was known is gone. */
  replace(items: readonly T[]): void;
  upsert(object: T): void;
  remove(object: T): void;
  /** The server was heard: a list, an event, a bookmark, a watch that ended in its time. */
  heard(): void;
};

/** What a reflector is made of. */
export type ReflectorOptions<T extends KubeObject> = {
  client: Pick<KubeClient, "list" | "watch">;
  kind: ResourceKind<T>;
  selection?: Selection | undefined;
  sink: ReflectorSink<T>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
  /** Told how each list and watch ended, for metrics. */
  onEnd?: ((end: ReflectorEnd) => void) | undefined;
};

const PAGE_SIZE = 500;
/*
 * A half-open socket tells nothing for ever, so every watch has an end: the server closes it after 15 to 25 s, telling a
 * bookmark 2 s before (etcd's compaction never outruns an idle watch), and we give up 4 s later. 25 + 4 < 30 s.
 */
const WATCH_MIN_SECONDS = 15;
const WATCH_SPREAD_SECONDS = 10;
const WATCH_GRACE_MS = 4_000;
const BACKOFF = { baseMs: 500, capMs: 15_000 };
const PRODUCTIVE_MS = 1_000;

type Context<T extends KubeObject> = ReflectorOptions<T> & { signal: AbortSignal };

const listPages = async <T extends KubeObject>(
  { client, kind, selection, signal }: Context<T>,
  limit: number | undefined,
): Promise<ListPage<T>> => {
  const items: T[] = [];
  let page = await client.list(kind, { ...selection, limit, signal });
  for (;;) {
    for (const item of page.items) items.push(item);
    if (page.continueToken === undefined) break;
    page = await client.list(kind, { ...selection, limit, continueToken: page.continueToken, signal });
  }
  // Every page of one list is of one moment, the first one's; the last page repeats its resourceVersion.
  return { ...page, items };
};

const list = async <T extends KubeObject>(context: Context<T>): Promise<ReflectorEnd> => {
  // A continue token that expired between two pages cannot be cured by paging again: take everything in one answer.
  const { items, resourceVersion } = await listPages(context, PAGE_SIZE).catch((error: unknown) => {
    if (!isExpired(error)) throw error;
    return listPages(context, undefined);
  });
  context.sink.replace(items);
  context.sink.heard();
  return { kind: "listed", resourceVersion };
};

const errorOf = ({ code, reason, message }: { code?: number; reason?: string; message?: string }): ApiError =>
  new ApiError({ code: code ?? 500, reason: reason ?? "Unknown", message: message ?? "the watch told an error" });

type Progress = { resourceVersion: string; told: boolean; error: ApiError | undefined };

const take = <T extends KubeObject>(sink: ReflectorSink<T>, progress: Progress, event: WatchEvent<T>): void => {
  if (progress.error) return;
  if (event.type === "ERROR") {
    progress.error = errorOf(event.object);
    return;
  }
  if (event.type === "DELETED") sink.remove(event.object);
  else if (event.type !== "BOOKMARK") sink.upsert(event.object);
  progress.resourceVersion = event.object.metadata.resourceVersion;
  progress.told = true;
  sink.heard();
};

const watch = async <T extends KubeObject>(context: Context<T>, from: string): Promise<ReflectorEnd> => {
  const { client, kind, selection, sink, clock, random, signal } = context;
  const progress: Progress = { resourceVersion: from, told: false, error: undefined };
  const startedMs = clock.monotonicMs();
  const ended = await client
    .watch(kind, {
      ...selection,
      resourceVersion: from,
      timeoutSeconds: WATCH_MIN_SECONDS + Math.floor(random() * (WATCH_SPREAD_SECONDS + 1)),
      graceMs: WATCH_GRACE_MS,
      onEvent: (event) => take(sink, progress, event),
      signal,
    })
    .catch((error: unknown) => ({ error }));
  const { resourceVersion } = progress;
  const productive = progress.told || clock.monotonicMs() - startedMs >= PRODUCTIVE_MS;
  const error = progress.error ?? ended?.error;
  // The server closed it when its time was up: of a quiet kind, whose bookmark came late, that is all there is to hear.
  if (error === undefined) sink.heard();
  return error === undefined
    ? { kind: "watchEnded", resourceVersion, productive }
    : { kind: "failed", resourceVersion, error, productive };
};

const report = <T extends KubeObject>({ log, kind, onEnd }: Context<T>, end: ReflectorEnd): void => {
  onEnd?.(end);
  const resource = resourceName(kind);
  if (end.kind === "failed") log.warn({ resource, err: end.error }, "list-watch failed; trying again");
  else log.debug({ resource, end: end.kind, resourceVersion: end.resourceVersion }, "list-watch step ended");
};

const step = <T extends KubeObject>(context: Context<T>, position: ReflectorPosition): Promise<ReflectorEnd> =>
  position.kind === "watch"
    ? watch(context, position.resourceVersion)
    : list(context).catch((error: unknown): ReflectorEnd => ({
        kind: "failed",
        resourceVersion: undefined,
        error,
        productive: false,
      }));

/**
 * Keeps `sink` equal to what the API server holds, until the signal aborts. Never ends by itself and never goes silent:
 * every failure is logged, and met by watching on or by listing again.
 */
export const runReflector = async <T extends KubeObject>(
  options: ReflectorOptions<T>,
  signal: AbortSignal,
): Promise<void> => {
  const context: Context<T> = { ...options, signal };
  const backoff: BackoffOptions = { ...BACKOFF, random: options.random };
  let position: ReflectorPosition = { kind: "list" };
  let failures = 0;
  while (!signal.aborted) {
    const end = await step(context, position);
    if (signal.aborted) return;
    report(context, end);
    const next = decideReflectorStep(end);
    position = next.position;
    if (next.forget) failures = 0;
    if (next.pause === "none") continue;
    failures += 1;
    const pauseMs = next.atLeastMs + fullJitterMs(failures - 1, backoff);
    await options.clock.sleep(pauseMs, signal).catch(() => undefined);
  }
};
