import type { z } from "zod";
import type { Question } from "#nervous-system/schemas/questions/define-question.ts";
import type { ParameterValue } from "#pipeline/reader/parameters.ts";

/** A question as somebody asks it, who has the right to the namespace's record. */
export type Asked = {
  readonly namespace: string;
  /** Every parameter of the question. */
  readonly values: Readonly<Record<string, ParameterValue>>;
  /** How many rows at most. */
  readonly rows: number;
  readonly signal: AbortSignal;
};

/** Some rows of an answer, and what the store has read for them by then. */
export type AnswerBatch = {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly bytes: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
};

/** An answer: what the store is asked in its own language, with what is bound to it, and the rows as they come. */
export type Answer = {
  readonly statement: string;
  readonly bound: Readonly<Record<string, unknown>>;
  /** How many rows are given at most, however many are asked for; one more of them tells that there are more. */
  readonly atMost?: number;
  /** Throws `GrpcFailure`. */
  readonly batches: AsyncIterable<AnswerBatch>;
};

/** A store that answers questions. */
export type ReadStore = {
  readonly name: string;
  readonly questions: readonly Question[];
  /** Answers one of its questions; nothing is asked before the first batch is taken. */
  answer(question: Question, asked: Asked): Answer;
  /** Why it cannot be asked now; undefined where it can. */
  trouble(): Promise<string | undefined>;
  close(): Promise<void>;
};

/** A kind of store: what its line in the registry says of it. */
export type ReadStoreKind<S extends z.ZodObject = z.ZodObject> = {
  /** Its part of the reader's environment. */
  readonly settings: S;
  /** Answers undefined where the settings name no store of this kind: its questions are not answered then. */
  open(settings: z.output<S>): Promise<ReadStore | undefined>;
};
