import type { Clock } from "#nervous-system/kernel/clock.ts";
import { errorText } from "../process/error-text.ts";

/** Tells of what is being done, with the time since the start. */
type Progress = {
  /** Says that something within the present step has come about. */
  readonly note: (text: string) => void;
};

/** One step of a longer way; each may be run again and then finds its work done. */
export type Step = { readonly title: string; readonly run: (progress: Progress) => Promise<void> };

/** A duration as people read it: `7.4 s`, `3 min 05 s`. */
export const renderDuration = (ms: number): string => {
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
};

/** Runs steps one after the other; says of each when it begins, what it did and how long it took. */
export const runSteps = async (
  steps: readonly Step[],
  clock: Pick<Clock, "monotonicMs">,
  say: (text: string) => void,
): Promise<void> => {
  const start = clock.monotonicMs();
  const since = (): string => renderDuration(clock.monotonicMs() - start);
  for (const [index, step] of steps.entries()) {
    const began = clock.monotonicMs();
    say(`[${index + 1}/${steps.length}] ${step.title}`);
    try {
      await step.run({ note: (text) => say(`      ${text} (${since()})`) });
    } catch (error) {
      throw new Error(`"${step.title}" failed after ${since()}: ${errorText(error)}`, { cause: error });
    }
    say(`      done in ${renderDuration(clock.monotonicMs() - began)}`);
  }
  say(`All of it took ${since()}.`);
};
