import type { Rate } from "#nervous-system/kernel/token-bucket.ts";

/** Makes vectors of texts, so that texts of one meaning lie close to each other by cosine. */
export type Embedder = {
  /** Which vectors these are: those of two names are not to be compared. Letters, digits, `_` and `-`. */
  readonly name: string;
  /** Length of each vector. */
  readonly dimensions: number;
  /** How many texts of one tenant are made into vectors while others wait; without it as many as there are. */
  readonly share?: Rate;
  /** One vector a text, in the same order. Rejects with `EmbedderFailure`, or with the signal's reason. */
  embed(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]>;
  close(): Promise<void>;
};

/** No vectors: the same texts may be asked for again, unless they are refused. */
export class EmbedderFailure extends Error {
  override readonly name = "EmbedderFailure";
  /** When to ask again, milliseconds, where whoever failed said so. */
  readonly afterMs: number | undefined;
  /** Whether one of the texts, or all of them together, will never be taken. */
  readonly refused: boolean;

  constructor(
    message: string,
    options: { readonly afterMs?: number | undefined; readonly refused?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.afterMs = options.afterMs;
    this.refused = options.refused ?? false;
  }
}

/** Half a minute of the local model at once, and a text a second: it makes some ten. An endpoint has its own bounds, mostly wider. */
export const SHARE_OF_A_MODEL: Rate = { burst: 256, perSecond: 1 };

/** A vector scaled to length one; one of zeros stays. */
export const normalise = (vector: Float32Array): Float32Array => {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length > 0 ? vector.map((value) => value / length) : vector;
};
