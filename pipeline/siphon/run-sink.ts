import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { DurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import type { StreamItem } from "#nervous-system/comms/nats/stored-frame.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { assertNever } from "#nervous-system/kernel/outcome.ts";
import { createGatherer, type Gathered, type Gatherer, type GatherLimits } from "#pipeline/siphon/gather.ts";
import type { SiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Batch, Cut, Sink } from "#pipeline/siphon/sink.ts";

/** What feeding a sink needs. */
export type RunSinkOptions = {
  readonly sink: Sink;
  readonly bus: Pick<Bus, "openReader" | "streamCreated" | "deadLetters">;
  readonly limits: GatherLimits;
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

const bury = async ({ bus, sink, metrics }: Feed, item: StreamItem, reason: string): Promise<void> => {
  const { streamSeq, bytes } = item.kind === "frame" ? item.frame : item.poison;
  const envelope = item.kind === "frame" ? item.frame.envelope : undefined;
  await bus.deadLetters.put({
    refusedBy: `siphon-${sink.name}`,
    namespace: envelope?.namespace ?? "_",
    agentUid: envelope?.agent_uid,
    reason,
    bytes,
    id: `${sink.name}/${streamSeq}`,
  });
  metrics.sinkPoison.inc({ sink: sink.name });
};

const pause = async (feed: Feed, failures: number, reason: string, afterMs?: number): Promise<void> => {
  const waitMs = afterMs ?? fullJitterMs(failures, { ...BACKOFF, random: feed.random });
  feed.onTrouble(reason);
  feed.log.warn({ sink: feed.sink.name, waitMs: Math.round(waitMs) }, reason);
  await feed.clock.sleep(waitMs, feed.signal);
};

const halves = ({ cut, frames }: Batch): [Batch, Batch] => {
  const middle = Math.ceil(frames.length / 2);
  const [left, right] = [frames.slice(0, middle), frames.slice(middle)];
  const border = right[0]?.streamSeq ?? cut.to;
  return [
    { cut: { ...cut, to: border - 1 }, frames: left },
    { cut: { ...cut, from: border }, frames: right },
  ];
};

/** Writes a batch however long that takes; what the store will never take is halved until the one frame is found, and buried. */
const writeBatch = async (feed: Feed, batch: Batch): Promise<void> => {
  const { sink, signal, metrics } = feed;
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    const result = await sink.write(batch, signal);
    metrics.sinkBatches.inc({ sink: sink.name, result: result.kind });
    switch (result.kind) {
      case "written":
        return metrics.sinkFrames.inc({ sink: sink.name }, batch.frames.length);
      case "retryable":
        await pause(feed, failures, result.reason, result.afterMs);
        continue;
      case "lost":
        throw new StoreLost(result.reason);
      case "rejected":
        return splitBatch(feed, batch, result.reason);
      default:
        return assertNever(result);
    }
  }
};

const splitBatch = async (feed: Feed, batch: Batch, reason: string): Promise<void> => {
  const [only, ...others] = batch.frames;
  if (only === undefined) return;
  if (others.length === 0) return bury(feed, { kind: "frame", frame: only }, reason);
  for (const half of halves(batch)) await writeBatch(feed, half);
};

const framesOf = async (feed: Feed, { items }: Gathered): Promise<Batch["frames"]> => {
  for (const item of items) if (item.kind === "poison") await bury(feed, item, item.poison.reason);
  return items.flatMap((item) => (item.kind === "frame" ? [item.frame] : []));
};

type Opened = { readonly reader: DurableReader; readonly gatherer: Gatherer; readonly stream: string };

/** Begins where the store says that it ends: the acknowledgements are for the others to see. */
const openAtStore = async (feed: Feed): Promise<Opened> => {
  const { sink, bus, limits, clock } = feed;
  await sink.prepare();
  const stream = await bus.streamCreated();
  const unsure: Cut | undefined = await sink.lastCut(stream);
  const reader = await bus.openReader({
    name: sink.name,
    fromSeq: unsure?.from ?? 1,
    maxAckPending: limits.maxMessages * BATCHES_AHEAD,
    prefetch: { bytes: PREFETCH_BYTES },
  });
  return { reader, gatherer: createGatherer(reader, limits, { clock, unsure }), stream };
};

const feedOnce = async (feed: Feed, { reader, gatherer, stream }: Opened): Promise<void> => {
  const { sink, metrics, signal } = feed;
  const gathered = await gatherer.next(signal);
  const cut = { stream, from: gathered.from, to: gathered.to };
  await sink.keepCut(cut);
  await writeBatch(feed, { cut, frames: await framesOf(feed, gathered) });
  await reader.ackThrough(gathered.last);
  metrics.sinkWatermark.set({ sink: sink.name }, cut.to);
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
 *   prepare → last cut → read from its first message → { gather → keep cut → write → acknowledge }
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
      const reason = `sink ${feed.sink.name} begins again: ${error instanceof Error ? error.message : String(error)}`;
      if (!signal.aborted) await pause(feed, failures++, reason).catch(() => {});
    }
  }
};
