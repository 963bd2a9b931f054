import type { Log } from "#nervous-system/kernel/log.ts";
import { FrameRefused, type ComponentRecorder } from "#nervous-system/recorder/component.ts";
import type { Stories, DueLesson } from "#pipeline/summarizer/stories.ts";
import type { Summarise } from "#pipeline/summarizer/summarise.ts";

/** What a teller needs. */
export type TellerOptions = {
  readonly record: Pick<ComponentRecorder, "write">;
  readonly summarise: Summarise;
  readonly log: Log;
  /** Told of each lesson that is in the log, and how its words were made. */
  readonly onLesson: (by: "extractive" | "model") => void;
  /** Told why a lesson cannot be written at all. */
  readonly onBroken: (error: unknown) => void;
};

/** Writes what is due, beside the reading of the stream: a model takes its time. */
export type Teller = {
  /** Begins what is due and was not begun by this teller. */
  begin(signal: AbortSignal): void;
  /** Resolves when nothing is at work any more. */
  ended(): Promise<void>;
};

/** Creates a teller of these stories. */
export const createTeller = (options: TellerOptions, stories: Pick<Stories, "due" | "isDue">): Teller => {
  const { record, summarise, log, onLesson, onBroken } = options;
  const atWork = new Set<Promise<void>>();
  let begun = new Set<string>();
  const write = async (lesson: DueLesson, signal: AbortSignal): Promise<void> => {
    const { eventId, subject } = lesson;
    const { mission, namespace } = subject;
    const payload = await summarise(lesson, signal);
    signal.throwIfAborted();
    // Words that it has may have been erased while a model was asked.
    if (!stories.isDue(eventId)) return;
    try {
      await record.write({ eventType: "LESSON", eventId, payload, subject });
      onLesson(payload.summarizer);
      log.info({ mission, namespace, by: payload.summarizer }, "a lesson was learned");
    } catch (error) {
      // One that fits no record must not keep the others waiting.
      if (!(error instanceof FrameRefused)) throw error;
      log.error({ mission, namespace, err: error }, "a lesson is lost");
    }
  };
  return {
    begin: (signal) => {
      const due = stories.due();
      for (const lesson of due.filter(({ eventId }) => !begun.has(eventId))) {
        const one = write(lesson, signal)
          .catch(onBroken)
          .finally(() => atWork.delete(one));
        atWork.add(one);
      }
      // What is due no longer is in the stream, and is never due again.
      begun = new Set(due.map(({ eventId }) => eventId));
    },
    ended: async () => void (await Promise.all(atWork)),
  };
};
