import type { IncomingMessage } from "node:http";
import { BodyRefused, readBoundedBody } from "#nervous-system/comms/http/bounded-body.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { GatewayRefusal } from "#nervous-system/schemas/gateway-refusals.ts";
import { granted, refused, type Granted, type Refusal } from "#pipeline/gateway/refusal.ts";

/** How a body is read. */
export type BodyOptions = {
  readonly maxBytes: number;
  /** Takes room for bytes of it. */
  readonly take: (bytes: number) => Granted<void>;
  readonly clock: Pick<Clock, "after">;
};

// The largest body within a cluster takes seconds; a program that writes its prompt while it sends it may pause.
const BODY_MS = 120_000;
const BODY_SILENCE_MS = 20_000;

const types: Readonly<Record<number, GatewayRefusal>> = {
  408: "body_too_slow",
  413: "body_too_large",
  415: "encoding_not_supported",
};

/** Reads a whole request body, unpacked; rejects only when the client breaks off. */
export const readBody = async (
  request: IncomingMessage,
  { maxBytes, take, clock }: BodyOptions,
): Promise<Granted<Buffer>> => {
  let full: Refusal | undefined;
  const takeOrKeep = (bytes: number): Error | undefined => {
    const taken = take(bytes);
    if (taken.kind === "granted") return undefined;
    full = taken.refusal;
    return new BodyRefused(full.status, full.message);
  };
  const limits = { maxBytes, withinMs: BODY_MS, silenceMs: BODY_SILENCE_MS, take: takeOrKeep, clock };
  try {
    return granted(await readBoundedBody(request, limits));
  } catch (error) {
    if (full !== undefined) return { kind: "refused", refusal: full };
    if (!(error instanceof BodyRefused)) throw error;
    return refused(error.status, types[error.status] ?? "invalid_body", error.message);
  }
};
