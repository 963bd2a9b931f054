import { presentOf } from "#nervous-system/codecs/exchange/fields.ts";
import { cut, oneLine } from "#nervous-system/kernel/cut.ts";
import { plainText } from "#nervous-system/kernel/plain-text.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { withoutRecalled } from "#pipeline/summarizer/recalled-words.ts";
import { computedLines, type LearnedPayload } from "#pipeline/summarizer/render-lesson.ts";
import type { ModelAnswer } from "#pipeline/summarizer/summary-model.ts";

/** The payload of a LESSON whose words a model wrote, as far as they are not computed. */
export type SummarisedPayload = Omit<LearnedPayload, "summarizer"> & {
  readonly summarizer: "model";
  readonly model: string;
  readonly input_tokens?: number;
  readonly output_tokens?: number;
};

const MAX_READ = 4_000;
// Less than what it stands for may take: a proposal and three decisions.
const MAX_SUMMARY = 1_200;

const withoutSecrets = (text: string, key: string | undefined): string => {
  const redactor = createRedactor([], key === undefined ? [] : [{ name: "model-key", value: key }]);
  return String(redactor.redact({ event_type: "LESSON", payload: { text } }).frame.payload["text"]);
};

/** What a model said, on one line: without secrets, what a terminal obeys, and what the mission was reminded of. */
const cleaned = ({ text, key }: ModelAnswer, recalled: readonly string[]): string => {
  // Plain before, since what a terminal obeys may stand within a secret; cut behind, since nobody knows half of one.
  const safe = withoutSecrets(plainText(text), key).slice(0, MAX_READ);
  return cut(oneLine(withoutRecalled(safe, recalled)), MAX_SUMMARY).toWellFormed();
};

/**
 * A lesson with a model's words in place of those of agents; undefined where they hold nothing. Problem, files, libraries, sources
 * and outcome stay as they were computed, whatever the model says: its words are one line, called a summary.
 */
export const withSummary = (
  lesson: LearnedPayload,
  answer: ModelAnswer,
  { model, recalled }: { readonly model: string; readonly recalled: readonly string[] },
): SummarisedPayload | undefined => {
  const summary = cleaned(answer, recalled);
  if (!/[\p{L}\p{N}]/u.test(summary)) return undefined;
  const { inputTokens: input_tokens, outputTokens: output_tokens } = answer.usage;
  const { before, after } = computedLines(lesson.text);
  const text = [...before, `Summary: ${summary}`, ...after].join("\n");
  return { ...lesson, text, summarizer: "model", model, ...presentOf({ input_tokens, output_tokens }) };
};
