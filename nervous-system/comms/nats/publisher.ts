import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import { createBatcher } from "#nervous-system/kernel/batcher.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { FrameResult } from "./chain-plan.ts";
import type { FrameStream } from "./frame-stream.ts";
import { maxBatchBytes } from "./batch.ts";
import { recordOf } from "./chunk.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { createStoreFrames } from "./store-frames.ts";

/** The stream did not take the frames in time, or refuses them because it is full; sending them again is safe. */
export class BusUnavailableError extends Error {
  override readonly name = "BusUnavailableError";
}

/** What a publisher needs. */
export type PublisherOptions = {
  readonly stream: FrameStream;
  readonly clock: Pick<Clock, "after" | "monotonicMs" | "sleep">;
  readonly random: () => number;
  /** How long a group is tried before its frames are given back, milliseconds; 15,000 unless told otherwise. */
  readonly patienceMs?: number;
};

/** Publishes frames in groups; each group is stored with every chain in order and nothing twice. */
export type FramePublisher = {
  /**
   * Resolves with one result a frame once all of them are on disk; rejects with `BusUnavailableError` when the
   * stream does not take them. Publishing the same frames again is always safe.
   */
  publish(frames: readonly RecordedFrame[]): Promise<readonly FrameResult[]>;
  /** Refuses new frames and waits for what was accepted. */
  close(): Promise<void>;
};

type Submission = { readonly frames: readonly RecordedFrame[]; readonly bytes: number };
type Answers = ReadonlyMap<Submission, readonly FrameResult[]>;

/** Frames with their records made once, however often they are sent. */
const submit = (given: readonly RecordedFrame[]): Submission => {
  const frames = given.map((frame) => (frame.record === undefined ? { ...frame, record: recordOf(frame) } : frame));
  return { frames, bytes: frames.reduce((sum, frame) => sum + recordOf(frame).length, 0) };
};

// A group that the server takes as one batch while it is at work on the one before.
const MAX_GROUP = 1000;

const answersOf = (group: readonly Submission[], results: readonly FrameResult[]): Answers => {
  let from = 0;
  return new Map(group.map((submission) => [submission, results.slice(from, (from += submission.frames.length))]));
};

/** Creates a publisher; several may write the same chains at the same time, in one process or many. */
export const createPublisher = (options: PublisherOptions): FramePublisher => {
  const { clock } = options;
  const patienceMs = options.patienceMs ?? 15_000;
  const storeFrames = createStoreFrames(options.stream);

  const flush = async (group: readonly Submission[]): Promise<Answers> => {
    const started = clock.monotonicMs();
    const frames = group.flatMap((submission) => submission.frames);
    let failures = 0;
    for (;;) {
      const outcome = await storeFrames(frames);
      if (outcome.kind === "done") return answersOf(group, outcome.results);
      if (outcome.kind === "refused")
        throw new BusUnavailableError(`JetStream refuses: ${outcome.message} (${outcome.code})`);
      if (clock.monotonicMs() - started >= patienceMs) {
        const why = outcome.kind === "unknown" ? String(outcome.error) : "others keep writing the same chains";
        throw new BusUnavailableError(`JetStream took nothing for ${patienceMs} ms: ${why}`);
      }
      if (outcome.kind === "conflict") continue; // another writer moved a chain: plan anew at once
      const backoff = { baseMs: 50, capMs: 1_000, random: options.random };
      await clock.sleep(fullJitterMs(failures++, backoff));
    }
  };

  const batcher = createBatcher<Submission, Answers>({
    maxItems: MAX_GROUP,
    maxBytes: maxBatchBytes,
    // A group is what came while the one before was stored.
    maxWaitMs: 0,
    bytesOf: ({ bytes }) => bytes,
    flush,
    clock,
  });

  return {
    publish: async (frames) => {
      if (frames.length === 0) return [];
      const submission = submit(frames);
      return (await batcher.add(submission)).get(submission) ?? [];
    },
    close: () => batcher.close(),
  };
};
