import type { AnswerFacts } from "#nervous-system/codecs/exchange/answer-reader.ts";
import { tokensOfBytes } from "#nervous-system/codecs/exchange/token-estimate.ts";
import type { CallOutcome } from "#pipeline/gateway/carry-out.ts";
import { thinks, type ModelRoute } from "#pipeline/gateway/routes.ts";

/** A call that is over, as far as it tells what it cost. */
export type CountedCall = Pick<CallOutcome, "facts" | "spokenTokens" | "unread" | "answer" | "isWhole" | "isTaken"> & {
  readonly route: ModelRoute;
  /** Tokens of the request at a guess. */
  readonly guessedTokens: number;
};

const spokenIn = ({ spokenTokens, unread, answer, isWhole }: CountedCall): number =>
  unread !== undefined || (!isWhole && spokenTokens === 0)
    ? Math.max(spokenTokens, tokensOfBytes(answer.length))
    : spokenTokens;

/** A count of the beginning of a stream is none yet: Anthropic's says of the answer that it has one token. */
const isFinal = ({ facts: { stopReason, error } }: CountedCall): boolean =>
  stopReason !== undefined && error === undefined;

const estimate = (call: CountedCall): AnswerFacts => {
  const { facts, guessedTokens } = call;
  const spoken = spokenIn(call);
  const final = isFinal(call);
  const toldInput = final ? facts.inputTokens : facts.inputTokens || undefined;
  const toldOutput = final ? facts.outputTokens : undefined;
  const outputTokens = toldOutput ?? Math.max(facts.outputTokens ?? 0, spoken);
  return {
    ...facts,
    inputTokens: toldInput ?? guessedTokens,
    // What an answer without words, such as vectors, has none of stays untold.
    ...(outputTokens === 0 ? {} : { outputTokens }),
  };
};

/**
 * What the answer says, with tokens that a provider took and did not count: a stream that was cut, or whose count nobody tells, must
 * not be free. Estimates are rather too high. A refusal costs nothing, nor does a failure before the model said anything.
 */
export const countTokens = (call: CountedCall): { readonly facts: AnswerFacts; readonly usageEstimated?: true } => {
  const { facts, route, isTaken } = call;
  const isRefused = facts.error !== undefined && spokenIn(call) === 0;
  if (!isTaken || isRefused || !thinks(route)) return { facts };
  const estimated = estimate(call);
  const isTold = estimated.inputTokens === facts.inputTokens && estimated.outputTokens === facts.outputTokens;
  return isTold ? { facts } : { facts: estimated, usageEstimated: true };
};
