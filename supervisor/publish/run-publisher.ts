import type { DurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import { placeOfItem, type StoredFrame, type StreamItem } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { createAckMark, type AckMark } from "#supervisor/publish/ack-mark.ts";
import { answerUntilEnd, type Answering } from "#supervisor/publish/answer-until-end.ts";
import { createFairSlots } from "#nervous-system/kernel/fair-slots.ts";
import { createOpenProposals, type OpenProposals } from "#supervisor/publish/open-proposals.ts";
import type { ParkedProposals } from "#supervisor/publish/parked-proposals.ts";
import { renderPublication, type PublicationEnd, type PublishedEnd } from "#supervisor/publish/publication-frame.ts";
import { createRefusedAttempts } from "#supervisor/publish/refused-attempts.ts";

/** What the publisher's loop is made of. */
export type PublisherLoop = Omit<Answering, "slots" | "refused" | "log"> & {
  readonly reader: Pick<DurableReader, "next" | "ackThrough">;
  readonly record: Pick<ComponentRecorder, "write">;
  readonly parked: ParkedProposals;
  readonly log: Log;
  /** Proposals that are answered at the same time; one that waits for its forge is not among them. */
  readonly concurrency: number;
  /** Proposals taken from the stream and not finished, those that wait among them; while there are so many no more are taken. */
  readonly mostOpen: number;
  /** Of these, those of one agent and of one namespace; one more is refused at once. */
  readonly mostOfAgent: number;
  readonly mostOfNamespace: number;
  /** Refusals of one attempt of an agent, after which no more of it is looked at. */
  readonly mostRefused: number;
  readonly onEnd: (end: PublicationEnd) => void;
  /** Told of what was published before the record is: whoever is killed in between publishes again and finds it done. */
  readonly onPublished: (frame: StoredFrame, end: PublishedEnd) => Promise<void>;
};

type Work = {
  readonly answering: Answering;
  readonly loop: PublisherLoop;
  readonly open: OpenProposals;
  readonly signal: AbortSignal;
};

/** Lets the stream go on past what was delivered, once. */
type Acknowledge = () => Promise<void>;

const endOf = async (work: Work, frame: StoredFrame, acknowledge: Acknowledge): Promise<PublicationEnd> => {
  const { answering, loop, open, signal } = work;
  const tooMany = open.admit(frame);
  if (tooMany !== undefined) return tooMany;
  const onWait = async (): Promise<void> => {
    if (await loop.parked.keep(frame)) await acknowledge();
  };
  try {
    return await answerUntilEnd(answering, frame, onWait, signal);
  } finally {
    open.release(frame);
  }
};

const settle = async (work: Work, frame: StoredFrame, acknowledge: Acknowledge): Promise<void> => {
  const { loop } = work;
  const end = await endOf(work, frame, acknowledge);
  if (end.kind === "ok") await loop.onPublished(frame, end);
  await loop.record.write(renderPublication(frame, end));
  // Of one that is not tried again the mark stood until now.
  await loop.marks.end(frame.hash);
  await acknowledge();
  await loop.parked.drop(frame.hash);
  loop.onEnd(end);
  const { event_id: proposal, mission, namespace } = frame.envelope;
  const outcome = end.kind === "ok" ? { url: end.value.pullRequest.url } : { reason: end.reason };
  loop.log.info({ proposal, mission, namespace, ...outcome }, end.kind === "ok" ? "published" : end.message);
};

const settleItem = async (work: Work, item: StreamItem, acknowledge: Acknowledge): Promise<void> => {
  const { loop } = work;
  if (item.kind === "poison")
    loop.log.warn({ place: item.poison.place }, `a proposal cannot be read: ${item.poison.reason}`);
  else if (!loop.parked.has(item.frame.hash)) return settle(work, item.frame, acknowledge);
  return acknowledge();
};

const acknowledgeOnce = (reader: Pick<DurableReader, "ackThrough">, mark: AckMark, place: number): Acknowledge => {
  let isDone = false;
  return async () => {
    if (isDone) return;
    isDone = true;
    const through = mark.finish(place);
    if (through !== undefined) await reader.ackThrough(through);
  };
};

/**
 * Answers every proposal of the stream until the signal aborts. Many are open at once and what waits holds up nothing, so that one
 * forge that is down holds up no other, and each tenant has its turn; the stream is acknowledged up to the oldest that is
 * unfinished, and what is delivered again after a crash is settled by reading the remote. Rejects when the record cannot be written, or the stream is not the one that was read: a restart begins from what was acknowledged.
 */
export const runPublisher = async (loop: PublisherLoop, signal: AbortSignal): Promise<void> => {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const mark = createAckMark();
  const refused = createRefusedAttempts(loop.mostRefused);
  const answering = { ...loop, slots: createFairSlots(loop.concurrency), refused };
  const work = { loop, answering, open: createOpenProposals(loop), signal: stop };
  const running = new Set<Promise<void>>();
  const start = (settled: Promise<void>): void => {
    const task = settled
      .catch((error: unknown) => {
        if (!stop.aborted) failed.abort(error);
      })
      .finally(() => running.delete(task));
    running.add(task);
  };
  for (const frame of loop.parked.left) start(settle(work, frame, () => Promise.resolve()));
  const begin = async (): Promise<void> => {
    const { item } = await loop.reader.next(stop);
    const place = placeOfItem(item);
    mark.begin(place);
    start(settleItem(work, item, acknowledgeOnce(loop.reader, mark, place)));
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
