/** Scores of one query: one a lesson, higher is nearer. */
export type Score = (query: string) => Promise<readonly number[]> | readonly number[];

/** How well the right lessons were found. */
export type Found = {
  /** Part of the queries whose lesson came first. */
  readonly top1: number;
  /** Part of them whose lesson was among the first five. */
  readonly top5: number;
  /** Mean of 1 / place. */
  readonly mrr: number;
};

/** The place of one among the scores, from 1; of equals it is the last, so that scores which say nothing earn nothing. */
export const placeOf = (right: number, scores: readonly number[]): number => {
  const own = scores[right] ?? -Infinity;
  return scores.filter((score) => score >= own).length;
};

/** What the places of the right lessons come to. */
export const summarise = (places: readonly number[]): Found => {
  const part = (test: (place: number) => boolean): number => places.filter(test).length / places.length;
  return {
    top1: part((place) => place === 1),
    top5: part((place) => place <= 5),
    mrr: places.reduce((sum, place) => sum + 1 / place, 0) / places.length,
  };
};

/** Asks for each query's lesson, `right[i]` being its place among the lessons; also answers the places. */
export const measure = async (
  queries: ReadonlyArray<{ readonly query: string; readonly right: number }>,
  score: Score,
): Promise<Found & { readonly places: readonly number[] }> => {
  const places: number[] = [];
  for (const { query, right } of queries) places.push(placeOf(right, await score(query)));
  return { ...summarise(places), places };
};
