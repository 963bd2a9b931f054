import type { UsageFacts } from "#nervous-system/codecs/exchange/usage-shapes.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createFairSlots } from "#nervous-system/kernel/fair-slots.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { createTokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import type { LearnedPayload } from "#pipeline/summarizer/render-lesson.ts";
import type { DueLesson } from "#pipeline/summarizer/stories.ts";
import { NoSummary, type SummaryModel } from "#pipeline/summarizer/summary-model.ts";
import { withSummary, type SummarisedPayload } from "#pipeline/summarizer/with-summary.ts";

/** The words of a lesson that is due; rejects only with the signal's reason. */
export type Summarise = (lesson: DueLesson, signal: AbortSignal) => Promise<LearnedPayload | SummarisedPayload>;

/** What becomes of one call: `made` is a summary. */
export type CallResult = "made" | NoSummary["kind"];

/** What summarising by a model needs. */
export type SummariserOptions = {
  readonly model: SummaryModel;
  /** Calls for one namespace's missions in an hour. */
  readonly callsPerHour: number;
  readonly clock: Pick<Clock, "sleep" | "monotonicMs">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Pick<Log, "warn">;
  /** Told of each call, and what it cost. */
  readonly onCall: (result: CallResult, usage: UsageFacts) => void;
};

const MOST_TRIES = 3;
const BACKOFF = { baseMs: 1_000, capMs: 15_000 };
/** So long after an endpoint that was away for one lesson nobody waits for it. */
const REST_MS = 60_000;
const AT_ONCE = 4;
const MAX_NAMESPACES = 10_000;

/** Words of the frames alone. */
export const extractive: Summarise = ({ payload }) => Promise.resolve(payload);

/**
 * Creates summaries by a model, for each tenant in its turn: some tries, then the words of the frames alone. Those it is, too,
 * for a tenant that has had its calls of the hour, and shortly after an endpoint was away.
 */
export const createSummariser = (options: SummariserOptions): Summarise => {
  const { model, callsPerHour, clock, random, log, onCall } = options;
  const slots = createFairSlots(AT_ONCE);
  const calls = createTokenBuckets({ perSecond: callsPerHour / 3_600, burst: callsPerHour }, clock, MAX_NAMESPACES);
  let restUntilMs = -Infinity;

  const askOnce = async ({ payload, recalled }: DueLesson, signal: AbortSignal): Promise<SummarisedPayload> => {
    const answer = await model.ask(payload.text, signal);
    const summarised = withSummary(payload, answer, { model: model.name, recalled });
    if (summarised === undefined)
      throw new NoSummary("unusable", "the summarizer's model said nothing of its own", { usage: answer.usage });
    onCall("made", answer.usage);
    return summarised;
  };
  /** A summary, or what kept the model from one. */
  const tryOnce = async (lesson: DueLesson, signal: AbortSignal): Promise<SummarisedPayload | NoSummary> => {
    try {
      return await askOnce(lesson, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof NoSummary)) throw error;
      onCall(error.kind, error.usage);
      return error;
    }
  };
  const mayAsk = ({ subject }: DueLesson): boolean =>
    clock.monotonicMs() >= restUntilMs && calls.of(subject.namespace).take(1) === 0;
  const giveUp = ({ subject, payload }: DueLesson, failure: NoSummary): LearnedPayload => {
    if (failure.kind === "away") restUntilMs = clock.monotonicMs() + REST_MS;
    const { mission, namespace } = subject;
    log.warn({ mission, namespace, err: failure }, "a lesson is in the words of its frames alone");
    return payload;
  };
  const summarise: Summarise = async (lesson, signal) => {
    for (let tries = 1; mayAsk(lesson); tries += 1) {
      const result = await tryOnce(lesson, signal);
      if (!(result instanceof NoSummary)) return result;
      if (result.kind === "refused" || tries === MOST_TRIES) return giveUp(lesson, result);
      await clock.sleep(result.afterMs ?? fullJitterMs(tries - 1, { ...BACKOFF, random }), signal);
    }
    return lesson.payload;
  };
  return (lesson, signal) =>
    slots.run({ namespace: lesson.subject.namespace, agentUid: lesson.subject.mission_uid }, async () => {
      signal.throwIfAborted();
      return summarise(lesson, signal);
    });
};
