import { wordsOf } from "#pipeline/embedding/words.ts";

// The values of Lucene and Weaviate.
const K1 = 1.2;
const B = 0.75;

const countsOf = (text: string): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
};

/** Okapi BM25 over documents: query → one score a document, in their order. */
export const createBm25 = (documents: readonly string[]): ((query: string) => number[]) => {
  const counted = documents.map((document) => ({ counts: countsOf(document), length: wordsOf(document).length }));
  const averageLength = counted.reduce((sum, { length }) => sum + length, 0) / documents.length;
  const holding = new Map<string, number>();
  for (const { counts } of counted) for (const word of counts.keys()) holding.set(word, (holding.get(word) ?? 0) + 1);
  const rarity = (word: string): number => {
    const n = holding.get(word) ?? 0;
    return Math.log(1 + (documents.length - n + 0.5) / (n + 0.5));
  };
  return (query) =>
    counted.map(({ counts, length }) => {
      const scale = K1 * (1 - B + (B * length) / averageLength);
      const words = [...new Set(wordsOf(query))];
      return words.reduce((sum, word) => {
        const often = counts.get(word) ?? 0;
        return sum + (rarity(word) * often * (K1 + 1)) / (often + scale);
      }, 0);
    });
};
