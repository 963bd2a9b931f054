import { normalise, type Embedder } from "#pipeline/embedding/embedder.ts";
import { wordsOf } from "#pipeline/embedding/words.ts";

const DIMENSIONS = 512;

// FNV-1a, with a last mix: its low bits alone are poor for short words.
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 13)) >>> 0;
};

// A word counts as itself and, for its other forms, by its trigrams, which together weigh as much.
const featuresOf = (word: string): ReadonlyArray<readonly [feature: string, weight: number]> => {
  const padded = ` ${word} `;
  const trigrams = Array.from({ length: padded.length - 2 }, (_, at) => padded.slice(at, at + 3));
  return [[word, 1], ...trigrams.map((trigram) => [trigram, 1 / trigrams.length] as const)];
};

/** The vector of a text by the words in it alone: signed feature hashing, damped counts, length one; zeros without a word. */
export const hashText = (text: string): Float32Array => {
  const counts = new Map<string, number>();
  for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const vector = new Float32Array(DIMENSIONS);
  for (const [word, count] of counts) {
    for (const [feature, weight] of featuresOf(word)) {
      const place = hash(feature);
      // One bit decides the sign, so that features that share a place cancel out instead of adding up.
      vector[place % DIMENSIONS]! += (place >>> 31 ? -1 : 1) * weight * (1 + Math.log(count));
    }
  }
  return normalise(vector);
};

/** The embedder that needs nothing: it finds texts that share words, not those that mean the same. */
export const createLexicalHash = (): Embedder => ({
  name: "lexical-hash",
  dimensions: DIMENSIONS,
  embed: (texts) => Promise.resolve(texts.map(hashText)),
  close: () => Promise.resolve(),
});
