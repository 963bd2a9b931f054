/** Why a proposal is not published; told in its PUBLICATION, never retried. */
export type Refused = { readonly kind: "refused"; readonly reason: string; readonly message: string };

/** What keeps a proposal waiting; it is tried again. */
export type Retryable = { readonly kind: "retry"; readonly message: string };

/** What every step of a publication ends in. */
export type Step<T> = { readonly kind: "ok"; readonly value: T } | Refused | Retryable;

/** A step that succeeded. */
export const done = <T>(value: T): Step<T> => ({ kind: "ok", value });

/** A step that ends the publication. */
export const refuse = (reason: string, message: string): Refused => ({ kind: "refused", reason, message });

/** A step that may succeed later. */
export const retry = (message: string): Retryable => ({ kind: "retry", message });
