import type { Question } from "#nervous-system/schemas/questions/define-question.ts";

/** A question that the graph answers. */
export type GraphQuery = {
  readonly question: Question;
  /** One statement that reads, with the question's columns and parameters, `$namespace`, `$place` and `$limit`. */
  readonly cypher: string;
};
