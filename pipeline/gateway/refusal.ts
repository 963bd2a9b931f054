import type { GatewayRefusal } from "#nervous-system/schemas/gateway-refusals.ts";

/** Why a request is not carried out; the message says what to do. */
export type Refusal = {
  readonly status: number;
  /** For programs. */
  readonly type: GatewayRefusal;
  /** For people. */
  readonly message: string;
  /** Set on 429 and 503: when to try again. */
  readonly retryAfterSeconds?: number;
};

/** A value, or the refusal that stands in its place. */
export type Granted<T> =
  | { readonly kind: "granted"; readonly value: T }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Grants a value. */
export const granted = <T>(value: T): Granted<T> => ({ kind: "granted", value });

/** Refuses for good: the caller must change something first. */
export const refused = (status: number, type: GatewayRefusal, message: string): Granted<never> => ({
  kind: "refused",
  refusal: { status, type, message },
});

/** Refuses, and lets the caller try again. */
export const refusedUntil = (
  status: 429 | 503,
  type: GatewayRefusal,
  message: string,
  retryAfterSeconds: number,
): Granted<never> => ({ kind: "refused", refusal: { status, type, message, retryAfterSeconds } });

/** The answer that tells a refusal: `{"error":{"type","message"}}`. */
export const renderRefusal = (
  refusal: Refusal,
): { readonly status: number; readonly headers: Record<string, string>; readonly body: string } => {
  const body = JSON.stringify({ error: { type: refusal.type, message: refusal.message } });
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
  };
  if (refusal.retryAfterSeconds !== undefined) headers["retry-after"] = String(refusal.retryAfterSeconds);
  if (refusal.status === 407) headers["proxy-authenticate"] = 'Basic realm="enchanted"';
  return { status: refusal.status, headers, body };
};
