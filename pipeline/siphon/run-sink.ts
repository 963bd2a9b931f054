import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { DurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import type { StreamMark } from "#nervous-system/comms/nats/stream-position.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { assertNever } from "#nervous-system/kernel/outcome.ts";
import { createGatherer, type Gathered, type Gatherer } from "#pipeline/siphon/gather.ts";
import type { SiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Batch, Cut, KeptCut, Sink, SinkKind } from "#pipeline/siphon/sink.ts";

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

/** The store must be prepared anew. */
class StoreLost extends Error {
  override readonly name = "StoreLost";
}

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
    refusedBy: `siphon-${kind.name}`,
    namespace: envelope?.namespace ?? "_",
    agentUid: envelope?.agent_uid,
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

const halves = ({ cut, frames }: Batch): [Batch, Batch] => {
  const middle = Math.ceil(frames.length / 2);
  const [left, right] = [frames.slice(0, middle), frames.slice(middle)];
  const border = right[0]?.place ?? cut.to;
  return [
    { cut: { ...cut, to: border - 1 }, frames: left },
    { cut: { ...cut, from: border }, frames: right },
  ];
};

/** Writes a batch however long that takes; what the store will never take is halved until the one frame is found. */
const writeBatch = async (feed: Feed, given: Batch): Promise<void> => {
  const { kind, sink, signal, metrics } = feed;
  let batch = given;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    const result = await sink.write(batch, signal);
    metrics.sinkBatches.inc({ sink: kind.name, result: result.kind });
    switch (result.kind) {
      case "written":
        return metrics.sinkFrames.inc({ sink: kind.name }, batch.frames.length);
      case "retryable":
        await pause(feed, failures, result.reason, result.afterMs);
        continue;
      case "lost":
        throw new StoreLost(result.reason);
      case "rejected":
        if (result.bad === undefined) return splitBatch(feed, batch, result.reason);
        batch = await setAside(feed, batch, result.bad, result.reason);
        continue;
      default:
        return assertNever(result);
    }
  }
};

/** The batch without the frames that its store will never take. */
const setAside = async (feed: Feed, { cut, frames }: Batch, bad: Batch["frames"], reason: string): Promise<Batch> => {
  for (const frame of bad) await refuse(feed, cut, frame, reason);
  return { cut, frames: frames.filter((frame) => !bad.includes(frame)) };
};

const splitBatch = async (feed: Feed, batch: Batch, reason: string): Promise<void> => {
  const [only, ...others] = batch.frames;
  if (only === undefined) return;
  if (others.length === 0) return refuse(feed, batch.cut, only, reason);
  for (const half of halves(batch)) await writeBatch(feed, half);
};

const framesOf = async (feed: Feed, { items, cut }: Gathered): Promise<Batch["frames"]> => {
  for (const { item } of items) if (item.kind === "poison") await refuse(feed, cut, item.poison, item.poison.reason);
  return items.flatMap(({ item }) => (item.kind === "frame" ? [item.frame] : []));
};

type Opened = {
  readonly reader: DurableReader;
  readonly gatherer: Gatherer;
  /** Number of the next cut. */
  next: number;
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
  return { reader, gatherer: createGatherer(reader, limits, { clock, unsure }), next: (cuts[0]?.number ?? 0) + 1 };
};

const feedOnce = async (feed: Feed, opened: Opened): Promise<void> => {
  const { kind, sink, metrics, signal } = feed;
  const gathered = await opened.gatherer.next(signal);
  const { cut } = gathered;
  await sink.keepCut({ ...cut, number: opened.next++ });
  await writeBatch(feed, { cut, frames: await framesOf(feed, gathered) });
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
