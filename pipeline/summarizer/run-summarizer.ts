import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { DurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { StreamMark } from "#nervous-system/comms/nats/stream-position.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { summarizerReader } from "#nervous-system/schemas/subjects.ts";
import { createGatherer, type Gathered } from "#pipeline/siphon/gather.ts";
import { openKeptStories, type KeptStories } from "#pipeline/summarizer/kept-stories.ts";
import { createStories } from "#pipeline/summarizer/stories.ts";
import type { Summarise } from "#pipeline/summarizer/summarise.ts";
import { createTeller, type TellerOptions } from "#pipeline/summarizer/tell-due.ts";

/** What the summarizer's loop is made of. */
export type SummarizerLoop = {
  readonly bus: Pick<Bus, "openReader" | "holds" | "newest">;
  readonly record: Pick<ComponentRecorder, "write" | "drain">;
  /** Directory of the stories, on the claim that the log is on. */
  readonly directory: string;
  readonly clock: Pick<Clock, "after" | "sleep">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Told what keeps it from going on, and undefined once it does. */
  readonly onTrouble: (reason: string | undefined) => void;
  /** Makes the words of a lesson. */
  readonly summarise: Summarise;
  readonly onLesson: TellerOptions["onLesson"];
};

const BACKOFF = { baseMs: 250, capMs: 15_000 };
const BATCH = { maxFrames: 512, maxBytes: 8 * 1024 * 1024, lingerMs: 250 };
const READER = { maxAckPending: BATCH.maxFrames * 4, ackWaitMs: 60_000, prefetch: { bytes: 8 * 1024 * 1024 } };
const MOST_MISSIONS = 2_000;
const DRAIN_MS = 10_000;

type Opened = {
  readonly reader: DurableReader;
  /** Place up to which the stream is read before a lesson is written. */
  readonly until: number;
};

/** Where the kept stories end: the acknowledgements are for the trimmer to see. */
const openAtMark = async ({ bus }: SummarizerLoop, { mark }: KeptStories): Promise<Opened> => {
  const held = mark !== undefined && (await bus.holds(mark)) ? mark : undefined;
  const newest = await bus.newest();
  const from = held === undefined ? 0 : held.place + 1;
  const reader = await bus.openReader({ name: summarizerReader, ...READER, from, after: held });
  const isRead = newest.hash === "" || newest.place < from;
  return { reader, until: isRead ? -1 : newest.place };
};

// What cannot be read is a dead letter of the siphon's.
const framesOf = ({ items }: Gathered): StoredFrame[] =>
  items.flatMap(({ item }) => (item.kind === "frame" ? [item.frame] : []));

const markOf = ({ cut, last }: Gathered): StreamMark => ({ stream: cut.stream, place: last, hash: cut.hash });

const untilStored = async ({ record }: SummarizerLoop, signal: AbortSignal): Promise<void> => {
  while (!(await record.drain(DRAIN_MS))) signal.throwIfAborted();
};

/**
 * Reads on from where the kept stories end. A lesson is written only when the stream does not hold it: what an earlier process left
 * in its log is stored before the stream's end is asked for, and up to that end nothing is written.
 *
 *   store the log's rest → ask for the end → { gather → tell → keep → acknowledge → begin what is due, once the end is read }
 *
 * A lesson is written beside that. Nothing is at work any more when this ends: who begins again writes none twice.
 */
const runOnce = async (loop: SummarizerLoop, onProgress: () => void, signal: AbortSignal): Promise<void> => {
  await untilStored(loop, signal);
  const kept = await openKeptStories(loop.directory);
  const stories = createStories(kept.stories, MOST_MISSIONS);
  const { reader, until } = await openAtMark(loop, kept);
  const gatherer = createGatherer(reader, BATCH, loop);
  const own = new AbortController();
  const either = AbortSignal.any([signal, own.signal]);
  const teller = createTeller({ ...loop, onBroken: (error) => own.abort(error) }, stories);
  try {
    if (until < 0) teller.begin(either);
    for (;;) {
      onProgress();
      const gathered = await gatherer.next(either);
      for (const frame of framesOf(gathered)) stories.tell(frame);
      await kept.save(stories.changes(), markOf(gathered));
      await reader.ackThrough(gathered.last);
      if (gathered.last >= until) teller.begin(either);
    }
  } finally {
    reader.close();
    own.abort(new Error("the stream is not read any more"));
    await teller.ended();
  }
};

/** Makes lessons of missions until the signal aborts, whatever becomes of stream and collector; never rejects. */
export const runSummarizer = async (loop: SummarizerLoop, signal: AbortSignal): Promise<void> => {
  let failures = 0;
  const onProgress = (): void => {
    failures = 0;
    loop.onTrouble(undefined);
  };
  while (!signal.aborted) {
    try {
      await runOnce(loop, onProgress, signal);
    } catch (error) {
      if (signal.aborted) return;
      const reason = `it begins again: ${error instanceof Error ? error.message : String(error)}`;
      loop.onTrouble(reason);
      loop.log.warn({ err: error }, reason);
      await loop.clock.sleep(fullJitterMs(failures++, { ...BACKOFF, random: loop.random }), signal).catch(() => {});
    }
  }
};
