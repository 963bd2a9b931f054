// Normalising sorts the marks of a letter, in time that grows with the square of their number; no script sets more than a few. The
// two halfwidth ones are letters until they are normalised.
const manyMarks = /([\p{M}\uff9e\uff9f]{8})[\p{M}\uff9e\uff9f]+/gu;

/** A text cut at the borders of words, also within names such as `parseInt`, `max_size` and `HTTPServer`, in lower case. */
export const wordsOf = (text: string): string[] =>
  (
    text
      .replace(manyMarks, "$1")
      .normalize("NFKC")
      .replace(/(\p{Ll}|\p{N})(?=\p{Lu})/gu, "$1 ")
      .replace(/(\p{Lu})(?=\p{Lu}\p{Ll})/gu, "$1 ")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).map((word) => word.toWellFormed());
