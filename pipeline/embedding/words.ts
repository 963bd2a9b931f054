/** A text cut at the borders of words, also within names such as `parseInt`, `max_size` and `HTTPServer`, in lower case. */
export const wordsOf = (text: string): string[] =>
  (
    text
      .normalize("NFKC")
      .replace(/(\p{Ll}|\p{N})(?=\p{Lu})/gu, "$1 ")
      .replace(/(\p{Lu})(?=\p{Lu}\p{Ll})/gu, "$1 ")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).map((word) => word.toWellFormed());
