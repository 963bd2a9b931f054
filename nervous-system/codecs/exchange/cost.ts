import { nanoUsdOf } from "#nervous-system/schemas/usd.ts";

/** Prices of a model, in dollars a million tokens. */
export type Pricing = {
  readonly inputPerMTok: string;
  readonly cachedInputPerMTok?: string | undefined;
  readonly outputPerMTok: string;
};

/** Tokens of an exchange, as the provider counted; those from its cache are among those sent. */
export type Counted = {
  readonly inputTokens?: number | undefined;
  readonly cachedTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
};

const MILLION = 1_000_000n;

/** What an exchange costs, in billionths of a dollar, rounded once; what was not counted costs nothing. */
export const nanoUsdOfExchange = (pricing: Pricing, counted: Counted): number => {
  const { inputTokens = 0, cachedTokens = 0, outputTokens = 0 } = counted;
  const { inputPerMTok, cachedInputPerMTok = inputPerMTok, outputPerMTok } = pricing;
  const cached = Math.min(cachedTokens, inputTokens);
  const parts: ReadonlyArray<readonly [tokens: number, price: string]> = [
    [inputTokens - cached, inputPerMTok],
    [cached, cachedInputPerMTok],
    [outputTokens, outputPerMTok],
  ];
  const total = parts.reduce((sum, [tokens, price]) => sum + BigInt(tokens) * BigInt(nanoUsdOf(price)), 0n);
  const nano = (total + MILLION / 2n) / MILLION;
  return nano > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(nano);
};
