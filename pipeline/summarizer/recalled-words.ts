import { wordsOf } from "#pipeline/embedding/words.ts";

const FEWEST_WORDS = 4;

/** A text as it is compared: its words in a row, with a blank around each. */
export const rowOfWords = (text: string): string => ` ${wordsOf(text).join(" ")} `;

const sentences = (text: string): string[] => text.split(/(?<=[.!?])\s+|\n+/);

/**
 * A text without the sentences that stand in what was recalled (rows of words): what an agent repeats of another's lesson is
 * nothing that it learned. Shorter sentences than four words are everybody's and stay.
 */
export const withoutRecalled = (text: string, recalled: readonly string[]): string => {
  if (recalled.length === 0) return text;
  const isRecalled = (sentence: string): boolean => {
    const row = rowOfWords(sentence);
    return row.trim().split(" ").length >= FEWEST_WORDS && recalled.some((known) => known.includes(row));
  };
  return sentences(text)
    .filter((sentence) => !isRecalled(sentence))
    .join(" ");
};
