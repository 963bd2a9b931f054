import type { DurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import { placeOfItem, type StoredFrame, type StreamItem } from "#nervous-system/comms/nats/read-chunk.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { renderPublication, type PublicationEnd } from "#supervisor/publish/publication-frame.ts";
import { refuse, type Retryable } from "#supervisor/publish/proposal.ts";

/** How far a stream may be acknowledged while several of its messages are at work: up to the oldest that is unfinished. */
type AckMark = {
  /** A message was taken; sequence numbers rise. */
  begin(seq: number): void;
  /** A message is finished; answers how far everything is, where that is further than before. */
  finish(seq: number): number | undefined;
};

/** Creates the mark of one reader. */
export const createAckMark = (): AckMark => {
  const taken: number[] = [];
  const finished = new Set<number>();
  return {
    begin: (seq) => {
      taken.push(seq);
    },
    finish: (seq) => {
      finished.add(seq);
      let through: number | undefined;
      for (let first = taken[0]; first !== undefined && finished.has(first); first = taken[0]) {
        taken.shift();
        finished.delete(first);
        through = first;
      }
      return through;
    },
  };
};

/** What the publisher's loop is made of. */
type PublisherLoop = {
  readonly reader: Pick<DurableReader, "next" | "ackThrough">;
  answer(frame: StoredFrame): Promise<PublicationEnd | Retryable>;
  readonly record: Pick<ComponentRecorder, "write">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Proposals that are answered at the same time; one that waits for its forge is not among them. */
  readonly concurrency: number;
  /** Proposals taken from the stream and not finished, those that wait among them; while there are so many no more are taken. */
  readonly mostOpen: number;
  /** How long a proposal is tried again before it is refused, milliseconds. */
  readonly giveUpAfterMs: number;
  readonly onEnd: (end: PublicationEnd) => void;
  readonly onRetry: () => void;
};

const backoff = { baseMs: 1_000, capMs: 60_000 };

/** Lets `count` calls run at a time; who was never let in before goes before those that come again. */
const atOnce = (count: number) => {
  const first: Array<() => void> = [];
  const again: Array<() => void> = [];
  let free = count;
  return async <R>(isFirst: boolean, run: () => Promise<R>): Promise<R> => {
    if (free === 0) await new Promise<void>((resolve) => (isFirst ? first : again).push(resolve));
    else free -= 1;
    try {
      return await run();
    } finally {
      const next = first.shift() ?? again.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
};

// One proposal, from its delivery to its acknowledgement; whatever ends the process leaves it where it was, and it comes again.
//
//   delivered --unreadable-------------------------------> logged ------+
//       |                                                               v
//       +--> answering --ok or refused--> PUBLICATION written ---> finished --all before it are, too--> acknowledged
//             ^     |  \
//      asleep +-retry  +--giveUpAfterMs would be over--> refused (PublicationTimedOut)

/** Answers until there is an end: what is transient is tried again, with growing pauses, for as long as is sensible. */
const answerUntilEnd = async (
  loop: PublisherLoop,
  slots: ReturnType<typeof atOnce>,
  frame: StoredFrame,
  signal: AbortSignal,
): Promise<PublicationEnd> => {
  const startedMs = loop.clock.monotonicMs();
  for (let attempt = 0; ; attempt += 1) {
    const end = await slots(attempt === 0, async () => {
      signal.throwIfAborted();
      return loop.answer(frame);
    });
    signal.throwIfAborted();
    if (end.kind !== "retry") return end;
    const { event_id: proposal, mission, namespace } = frame.envelope;
    const ownMs = backoff.baseMs + fullJitterMs(attempt, { ...backoff, random: loop.random });
    const pauseMs = Math.max(ownMs, end.afterMs ?? 0);
    const leftMs = startedMs + loop.giveUpAfterMs - loop.clock.monotonicMs();
    if (pauseMs > leftMs) return refuse("PublicationTimedOut", end.message);
    loop.onRetry();
    loop.log.warn({ proposal, mission, namespace, attempt, pauseMs }, `a proposal waits: ${end.message}`);
    await loop.clock.sleep(pauseMs, signal);
  }
};

const settle = async (
  loop: PublisherLoop,
  slots: ReturnType<typeof atOnce>,
  item: StreamItem,
  signal: AbortSignal,
): Promise<void> => {
  if (item.kind === "poison") {
    loop.log.warn({ place: item.poison.place }, `a proposal cannot be read: ${item.poison.reason}`);
    return;
  }
  const end = await answerUntilEnd(loop, slots, item.frame, signal);
  await loop.record.write(renderPublication(item.frame, end));
  loop.onEnd(end);
  const { event_id: proposal, mission, namespace } = item.frame.envelope;
  const outcome = end.kind === "ok" ? { url: end.value.pullRequest.url } : { reason: end.reason };
  loop.log.info({ proposal, mission, namespace, ...outcome }, end.kind === "ok" ? "published" : end.message);
};

/**
 * Answers every proposal of the stream until the signal aborts. Many are open at once and what waits holds up nothing, so that one
 * forge that is down holds up no other; the stream is acknowledged up to the oldest that is unfinished, and what is delivered again after a crash is settled by
 * reading the remote. Rejects when the record cannot be written, or the stream is not the one that was read: a restart begins from what was acknowledged.
 */
export const runPublisher = async (loop: PublisherLoop, signal: AbortSignal): Promise<void> => {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const mark = createAckMark();
  const slots = atOnce(loop.concurrency);
  const work = async (item: StreamItem, place: number): Promise<void> => {
    try {
      await settle(loop, slots, item, stop);
      const through = mark.finish(place);
      if (through !== undefined) await loop.reader.ackThrough(through);
    } catch (error) {
      if (!stop.aborted) failed.abort(error);
    }
  };
  const running = new Set<Promise<void>>();
  const begin = async (): Promise<void> => {
    const { item } = await loop.reader.next(stop);
    const place = placeOfItem(item);
    mark.begin(place);
    const task = work(item, place).finally(() => running.delete(task));
    running.add(task);
    if (running.size >= loop.mostOpen) await Promise.race(running);
  };
  try {
    while (!stop.aborted) await begin();
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await Promise.allSettled(running);
  }
  if (failed.signal.aborted) throw failed.signal.reason;
};
