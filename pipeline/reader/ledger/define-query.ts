import type { Question } from "#nervous-system/schemas/questions/define-question.ts";

/** A question that the ledger answers. */
export type LedgerQuery = {
  readonly question: Question;
  /** One SELECT with the question's columns and parameters, `{namespace}` and `{limit}`. */
  readonly sql: string;
};
