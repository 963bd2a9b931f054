import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { accessTo } from "#nervous-system/kubernetes/access.ts";
import { isNotFound } from "#nervous-system/kubernetes/errors.ts";
import { type EventNote, renderEvent, seriesKey } from "#nervous-system/kubernetes/event-series.ts";
import { events } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { objectPath } from "#nervous-system/kubernetes/resource-kind.ts";

/** What the recorder needs. */
export const eventAccess = [accessTo(events, ["create", "patch"])];

/** Tells people what happened; never fails and never waits. */
export type EventRecorder = {
  record(note: EventNote): void;
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>;
  /** Notes left out because there were too many. */
  dropped(): number;
};

/** What a recorder is made of. */
export type EventRecorderOptions = {
  client: Pick<KubeClient, "create" | "request">;
  /** Name of the component, such as `swarm.enchanted.dev/operator`. */
  controller: string;
  /** Name of the process, such as the pod's name. */
  instance: string;
  clock: Pick<Clock, "now" | "monotonicMs">;
  log: Log;
};

// A story told again within this time is the same Event with a higher count; after it, a new one. As in client-go.
const SERIES_MS = 6 * 60_000;
// Counting is written at most this often per story: 10,000 flaps are a handful of writes.
const COUNT_EVERY_MS = 60_000;
const MAX_SERIES = 4096;
const MAX_WAITING = 1024;
// Per object 25 new stories at once, then one in 5 minutes: client-go's spam filter.
const BURST = 25;
const REFILL_MS = 300_000;

type Series = { path: string; count: number; lastMs: number; writtenMs: number };
type Bucket = { tokens: number; atMs: number };

/** A map that forgets what was set longest ago. */
const remember = <V>(map: Map<string, V>, key: string, value: V): void => {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_SERIES) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
};

const takeToken = (buckets: Map<string, Bucket>, key: string, nowMs: number): boolean => {
  const last = buckets.get(key) ?? { tokens: BURST, atMs: nowMs };
  const tokens = Math.min(BURST, last.tokens + (nowMs - last.atMs) / REFILL_MS);
  remember(buckets, key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
  return tokens >= 1;
};

const microTime = (ms: number): string => new Date(ms).toISOString().replace("Z", "000Z");

type Write = () => Promise<unknown>;

// Writes go out one at a time in their order; a story that cannot be told is logged, not tried for ever.
const createOutbox = (log: Log): { push(write: Write): boolean; flush(): Promise<void> } => {
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    push: (write) => {
      if (waiting >= MAX_WAITING) return false;
      waiting += 1;
      last = last
        .then(write)
        .catch((err: unknown) => log.warn({ err }, "an Event could not be written"))
        .then(() => void (waiting -= 1));
      return true;
    },
    flush: () => last,
  };
};

/** Creates a recorder of events.k8s.io/v1 Events. */
export const createEventRecorder = (options: EventRecorderOptions): EventRecorder => {
  const { client, controller, instance, clock, log } = options;
  const told = new Map<string, Series>();
  const buckets = new Map<string, Bucket>();
  const outbox = createOutbox(log);
  let dropped = 0;
  let serial = 0;

  const push = (write: Write): void => {
    if (!outbox.push(write)) dropped += 1;
  };
  const begin = (key: string, note: EventNote): void => {
    const nowMs = clock.monotonicMs();
    if (!takeToken(buckets, note.regarding.metadata.uid, nowMs)) {
      dropped += 1;
      return;
    }
    const name = `${note.regarding.metadata.name.slice(0, 200)}.${clock.now().toString(16)}${(serial++).toString(16)}`;
    const event = renderEvent(note, { name, time: microTime(clock.now()), controller, instance });
    const path = objectPath(events, event.metadata);
    remember(told, key, { path, count: 1, lastMs: nowMs, writtenMs: -Infinity });
    push(() => client.create(events, event));
  };
  const repeat = (key: string, series: Series): void => {
    const nowMs = clock.monotonicMs();
    const count = series.count + 1;
    const due = nowMs - series.writtenMs >= COUNT_EVERY_MS;
    remember(told, key, { ...series, count, lastMs: nowMs, writtenMs: due ? nowMs : series.writtenMs });
    if (!due) return;
    const text = JSON.stringify({ series: { count, lastObservedTime: microTime(clock.now()) } });
    const body = { contentType: "application/merge-patch+json", text };
    push(() =>
      client.request({ method: "PATCH", path: series.path, body }).catch((error: unknown) => {
        // Events live an hour; one that is gone is told anew at its next occurrence.
        if (isNotFound(error)) told.delete(key);
        else throw error;
      }),
    );
  };
  return {
    record: (note) => {
      const key = seriesKey(note);
      const series = told.get(key);
      if (series && clock.monotonicMs() - series.lastMs < SERIES_MS) repeat(key, series);
      else begin(key, note);
    },
    flush: () => outbox.flush(),
    dropped: () => dropped,
  };
};
