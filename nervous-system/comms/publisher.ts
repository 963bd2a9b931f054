import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import { createBatcher } from "#nervous-system/kernel/batcher.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { commitBatch, type BatchOutcome } from "./atomic-batch.ts";
import { planFrames, type ChainPlan, type ChainTail, type FrameResult } from "./chain-plan.ts";
import type { BusConnection } from "./connection.ts";
import {
  cutBatches,
  MAX_BATCH_BYTES,
  MAX_BATCH_FRAMES,
  prepareFrame,
  renderBatch,
  type PreparedFrame,
} from "./prepared-frame.ts";
import { createTails } from "./tails.ts";

/** The stream did not take the frames in time, or refuses them because it is full; sending them again is safe. */
export class BusUnavailableError extends Error {
  override readonly name = "BusUnavailableError";
}

/** What a publisher needs. */
export type PublisherOptions = {
  readonly connection: BusConnection;
  readonly clock: Pick<Clock, "after" | "monotonicMs" | "sleep">;
  readonly random: () => number;
  readonly ids: Ids;
  /** How long frames wait for company, milliseconds; 5 unless told otherwise. */
  readonly gatherMs?: number;
  /** How long a group is tried before its frames are given back, milliseconds; 15,000 unless told otherwise. */
  readonly patienceMs?: number;
};

/** Publishes frames in groups; each group is stored with every chain in order and nothing twice. */
export type FramePublisher = {
  /**
   * Resolves with one result a frame once all of them are on disk; rejects with `BusUnavailableError` when the
   * stream does not take them, with `UnsafeSubjectError` when one could never be sent. Publishing the same
   * frames again is always safe.
   */
  publish(frames: readonly RecordedFrame[]): Promise<readonly FrameResult[]>;
  /** Bytes (a frame counts as 4 KiB at least) accepted and not yet stored. */
  pendingBytes(): number;
  /** Refuses new frames and waits for what was accepted. */
  close(): Promise<void>;
};

type Submission = { readonly frames: readonly PreparedFrame[] };
type Answers = ReadonlyMap<Submission, readonly FrameResult[]>;

const COMMIT_TIMEOUT_MS = 5_000;

/** Bytes, or the share of a batch that the number of frames takes: whichever fills it first. */
const weigh = ({ frames }: Submission): number =>
  Math.max(
    frames.reduce((sum, frame) => sum + frame.bytes, 0),
    (frames.length * MAX_BATCH_BYTES) / MAX_BATCH_FRAMES,
  );

const answersOf = (group: readonly Submission[], plan: ChainPlan): Answers => {
  let from = 0;
  return new Map(group.map((submission) => [submission, plan.results.slice(from, (from += submission.frames.length))]));
};

const lacksFrames = (result: FrameResult): boolean => result.kind === "missing" || result.kind === "fork";

/** Creates a publisher; several may write the same chains at the same time, in one process or many. */
export const createPublisher = (options: PublisherOptions): FramePublisher => {
  const { connection, clock, ids } = options;
  const patienceMs = options.patienceMs ?? 15_000;
  const tails = createTails(connection);

  const plan = async (frames: readonly PreparedFrame[]): Promise<ChainPlan> => {
    const recorded = frames.map(({ frame }) => frame);
    const planned = planFrames(await tails.load(recorded), recorded);
    if (!planned.results.some(lacksFrames)) return planned;
    // Another writer may have moved the chain past what we remember.
    tails.forget(recorded);
    return planFrames(await tails.load(recorded), recorded);
  };

  const commit = async (batch: readonly PreparedFrame[]): Promise<BatchOutcome> => {
    const recorded = batch.map(({ frame }) => frame);
    const messages = renderBatch(batch, (key): ChainTail => tails.known(key));
    const outcome = await commitBatch(connection.nats, messages, {
      id: ids.next(),
      timeoutMs: COMMIT_TIMEOUT_MS,
      link: connection.currentLink(),
    });
    if (outcome.kind === "stored") tails.advance(recorded, outcome.firstSeq);
    else tails.forget(recorded);
    return outcome;
  };

  /** One attempt on a group: its answers, or the outcome that stopped it. */
  const attempt = async (group: readonly Submission[]): Promise<Answers | BatchOutcome> => {
    const frames = group.flatMap((submission) => submission.frames);
    const planned = await plan(frames);
    const wanted = planned.publish.flatMap((index) => frames[index] ?? []);
    for (const batch of cutBatches(wanted)) {
      const outcome = await commit(batch);
      if (outcome.kind !== "stored") return outcome;
    }
    return answersOf(group, planned);
  };

  /** Like `attempt`, with what the connection throws as an outcome. */
  const attemptSafely = async (group: readonly Submission[]): Promise<Answers | BatchOutcome> => {
    const link = connection.currentLink();
    if (link.aborted) return { kind: "unknown", error: link.reason };
    try {
      return await attempt(group);
    } catch (error) {
      return { kind: "unknown", error };
    }
  };

  const flush = async (group: readonly Submission[]): Promise<Answers> => {
    const started = clock.monotonicMs();
    for (let failures = 0; ;) {
      const outcome = await attemptSafely(group);
      if (!("kind" in outcome)) return outcome;
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
    maxItems: MAX_BATCH_FRAMES,
    maxBytes: MAX_BATCH_BYTES,
    maxWaitMs: options.gatherMs ?? 5,
    bytesOf: weigh,
    flush,
    clock,
  });

  return {
    publish: async (frames) => {
      if (frames.length === 0) return [];
      const submission = { frames: frames.map(prepareFrame) };
      return (await batcher.add(submission)).get(submission) ?? [];
    },
    pendingBytes: () => batcher.pendingBytes(),
    close: () => batcher.close(),
  };
};
