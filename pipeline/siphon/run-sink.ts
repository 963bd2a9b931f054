import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { DurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import type { StreamMark } from "#nervous-system/comms/nats/stream-position.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { refusingSink } from "#nervous-system/schemas/subjects.ts";
import { createGatherer, type Gathered, type Gatherer } from "#pipeline/siphon/gather.ts";
import type { SiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Batch, Cut, KeptCut, Sink, SinkKind } from "#pipeline/siphon/sink.ts";
import { writeBatch, type Writing } from "#pipeline/siphon/write-batch.ts";

/** What feeding a sink needs. */
export type RunSinkOptions = {
  readonly kind: Pick<SinkKind, "name" | "limits" | "filter">;
  readonly sink: Sink;
  readonly bus: Pick<Bus, "openReader" | "holds" | "deadLetters">;
  readonly clock: Pick<Clock, "after" | "sleep">;
  readonly random: () => number;
  readonly metrics: SiphonMetrics;
  readonly log: Log;
  /** Told what keeps the sink from writing, and undefined once it writes again. */
  readonly onTrouble: (reason: string | undefined) => void;
};

const PREFETCH_BYTES = 16 * 1024 * 1024;
const BATCHES_AHEAD = 4;
const BACKOFF = { baseMs: 250, capMs: 15_000 };

type Feed = RunSinkOptions & {
  readonly signal: AbortSignal;
  /** Called for each batch that is in the store and acknowledged. */
  readonly onProgress: () => void;
};

type Refused = { readonly place: number; readonly bytes: Uint8Array; readonly envelope?: Envelope };

/** What the store never takes becomes a dead letter; its id says which stream's place it stood at, since places come again. */
const refuse = async ({ bus, kind, metrics }: Feed, { stream, hash }: Cut, refused: Refused, reason: string) => {
  const { place, bytes, envelope } = refused;
  await bus.deadLetters.put({
    refusedBy: refusingSink(kind.name),
    namespace: envelope?.namespace ?? "_",
    agentUid: envelope?.agent_uid,
    frame: envelope,
    reason,
    bytes,
    id: `${kind.name}/${stream}/${place}/${hash}`,
  });
  metrics.sinkPoison.inc({ sink: kind.name });
};

const pause = async (feed: Feed, failures: number, reason: string, afterMs?: number): Promise<void> => {
  const waitMs = afterMs ?? fullJitterMs(failures, { ...BACKOFF, random: feed.random });
  feed.onTrouble(reason);
  feed.log.warn({ sink: feed.kind.name, waitMs: Math.round(waitMs) }, reason);
  await feed.clock.sleep(waitMs, feed.signal);
};

const writingOf = (feed: Feed): Writing => ({
  name: feed.kind.name,
  sink: feed.sink,
  metrics: feed.metrics,
  signal: feed.signal,
  pause: (failures, reason, afterMs) => pause(feed, failures, reason, afterMs),
  refuse: (cut, frame, reason) => refuse(feed, cut, frame, reason),
});

const framesOf = async (feed: Feed, { items, cut }: Gathered): Promise<Batch["frames"]> => {
  for (const { item } of items) if (item.kind === "poison") await refuse(feed, cut, item.poison, item.poison.reason);
  return framesIn(items);
};

type Opened = {
  readonly reader: DurableReader;
  readonly gatherer: Gatherer;
  /** Number of the next cut. */
  next: number;
  /** What comes next, gathered while the batch before it is written. */
  ahead: Promise<Gathered>;
};

const framesIn = (items: Gathered["items"]): Batch["frames"] =>
  items.flatMap(({ item }) => (item.kind === "frame" ? [item.frame] : []));

const gatherAhead = ({ sink, signal }: Feed, gatherer: Gatherer): Promise<Gathered> => {
  const gathered = gatherer.next(signal);
  // Whoever awaits it hears of what broke.
  void gathered.then(
    ({ items }) => sink.foresee?.(framesIn(items)),
    () => {},
  );
  return gathered;
};

const markOf = ({ stream, to: place, hash }: Cut): StreamMark => ({ stream, place, hash });

/** The newest cut at whose end the stream still holds what was written; before it the stream is what the store has seen. */
const newestHeld = async ({ bus, kind, log }: Feed, cuts: readonly KeptCut[]): Promise<KeptCut | undefined> => {
  for (const cut of cuts) if (await bus.holds(markOf(cut))) return cut;
  if (cuts.length > 0) log.warn({ sink: kind.name }, "the stream holds nothing that was written; reading all of it");
  return undefined;
};

/**
 * Begins where the store says that it ends: the acknowledgements are for the others to see.
 *
 *   newest cut | held cut    | begin
 *   none       | none        | at the stream's first frame
 *   held       | the newest  | with exactly that cut again: it may be in the store or not
 *   not held   | an older    | behind that one: the stream lost what came after, and has or will have other frames there
 *   not held   | none        | at the stream's first frame: it was made anew
 */
const openAtStore = async (feed: Feed): Promise<Opened> => {
  const { kind, sink, bus, clock } = feed;
  const { limits, filter } = kind;
  await sink.prepare();
  const cuts = await sink.cuts();
  const held = await newestHeld(feed, cuts);
  const unsure = held === cuts[0] ? held : undefined;
  const reader = await bus.openReader({
    name: kind.name,
    from: unsure?.from ?? (held === undefined ? 0 : held.to + 1),
    after: held && markOf(held),
    maxAckPending: limits.maxFrames * BATCHES_AHEAD,
    ackWaitMs: limits.ackWaitMs,
    prefetch: { bytes: PREFETCH_BYTES },
    ...(filter === undefined ? {} : { filter }),
  });
  const gatherer = createGatherer(reader, limits, { clock, unsure });
  return { reader, gatherer, next: (cuts[0]?.number ?? 0) + 1, ahead: gatherAhead(feed, gatherer) };
};

const feedOnce = async (feed: Feed, opened: Opened): Promise<void> => {
  const { kind, sink, metrics } = feed;
  const gathered = await opened.ahead;
  opened.ahead = gatherAhead(feed, opened.gatherer);
  const { cut } = gathered;
  await sink.keepCut({ ...cut, number: opened.next++ });
  await writeBatch(writingOf(feed), { cut, frames: await framesOf(feed, gathered) });
  await opened.reader.ackThrough(gathered.last);
  metrics.sinkWatermark.set({ sink: kind.name }, cut.to);
  feed.onTrouble(undefined);
  feed.onProgress();
};

const feedUntilBroken = async (feed: Feed): Promise<void> => {
  const opened = await openAtStore(feed);
  feed.onTrouble(undefined);
  try {
    for (;;) await feedOnce(feed, opened);
  } finally {
    opened.reader.close();
  }
};

/**
 * Feeds one sink until the signal aborts, whatever becomes of store and stream; never rejects.
 *
 *   prepare → newest cut that the stream still holds → read from there → { gather → keep cut → write → acknowledge }
 *        ^______________________ whatever breaks begins again here ______________________|
 */
export const runSink = async (options: RunSinkOptions, signal: AbortSignal): Promise<void> => {
  let failures = 0;
  const onProgress = (): void => {
    failures = 0;
  };
  const feed: Feed = { ...options, signal, onProgress };
  while (!signal.aborted) {
    try {
      await feedUntilBroken(feed);
    } catch (error) {
      const reason = `sink ${feed.kind.name} begins again: ${error instanceof Error ? error.message : String(error)}`;
      if (!signal.aborted) await pause(feed, failures++, reason).catch(() => {});
    }
  }
};
