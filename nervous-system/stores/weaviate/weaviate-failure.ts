/** What Weaviate, or the way to it, answered instead of a result. It may pass: what is asked is well-formed by its types. */
export class WeaviateFailure extends Error {
  override readonly name = "WeaviateFailure";

  constructor(doing: string, cause: unknown) {
    const { message } = (cause ?? {}) as { readonly message?: unknown };
    super(`Weaviate, ${doing}: ${String(message ?? cause)}`, { cause });
  }
}

/** Awaits a request; whatever it rejects with becomes a `WeaviateFailure` that says what was being done. */
export const orFailure = async <T>(doing: string, request: Promise<T>): Promise<T> => {
  try {
    return await request;
  } catch (error) {
    throw error instanceof WeaviateFailure ? error : new WeaviateFailure(doing, error);
  }
};
