import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { AskRequest } from "#nervous-system/schemas/gen/reader_pb.ts";
import { questions } from "#nervous-system/schemas/questions/catalog.ts";
import { DEFAULT_ROWS, MAX_ROWS, type Question } from "#nervous-system/schemas/questions/define-question.ts";
import type { ReadStore } from "#pipeline/reader/answer.ts";
import { parseParameters, type ParameterValue } from "#pipeline/reader/parameters.ts";

/** A question that can be asked. */
export type ParsedAsk = {
  readonly store: ReadStore;
  readonly question: Question;
  readonly values: Readonly<Record<string, ParameterValue>>;
  /** How many rows at most. */
  readonly limit: number;
};

const invalid = (message: string): GrpcFailure => new GrpcFailure(grpcStatus.invalidArgument, message);

/** Reads a request; throws INVALID_ARGUMENT with what it should have been. */
export const parseAsk = (
  { query, paramsJson, limit }: Pick<AskRequest, "query" | "paramsJson" | "limit">,
  stores: readonly ReadStore[],
  nowMs: number,
): ParsedAsk => {
  const all = stores.flatMap((store) => store.questions.map((question) => ({ store, question })));
  const found = all.find(({ question }) => question.name === query);
  if (found === undefined) {
    if (questions.some(({ name }) => name === query))
      throw new GrpcFailure(
        grpcStatus.failedPrecondition,
        `"${query}" asks a store that this installation does not have`,
      );
    const names = all.map(({ question }) => question.name).join(", ");
    throw invalid(`there is no question ${JSON.stringify(query.slice(0, 80))}; there are ${names}`);
  }
  if (limit > MAX_ROWS) throw invalid(`the limit ${limit} is too large: give at most ${MAX_ROWS} rows`);
  const parsed = parseParameters(found.question, paramsJson, nowMs);
  if (parsed.kind === "invalid") throw invalid(parsed.message);
  return { ...found, values: parsed.values, limit: limit === 0 ? DEFAULT_ROWS : limit };
};
