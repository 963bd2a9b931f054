import { Metadata, status } from "@grpc/grpc-js";
import { decodeRetryMs, encodeRetryStatus } from "#nervous-system/codecs/otlp/status.ts";
import { cut } from "#nervous-system/kernel/cut.ts";

const code = (value: status): number => value;

/** Status codes of gRPC by name. */
export const grpcStatus = {
  cancelled: code(status.CANCELLED),
  invalidArgument: code(status.INVALID_ARGUMENT),
  deadlineExceeded: code(status.DEADLINE_EXCEEDED),
  notFound: code(status.NOT_FOUND),
  permissionDenied: code(status.PERMISSION_DENIED),
  resourceExhausted: code(status.RESOURCE_EXHAUSTED),
  failedPrecondition: code(status.FAILED_PRECONDITION),
  aborted: code(status.ABORTED),
  unimplemented: code(status.UNIMPLEMENTED),
  internal: code(status.INTERNAL),
  unavailable: code(status.UNAVAILABLE),
  unauthenticated: code(status.UNAUTHENTICATED),
} as const;

const DETAILS_KEY = "grpc-status-details-bin";

/** Longest text of a failure, characters: it travels in trailers. */
const MAX_MESSAGE = 1024;

/** A call that failed, on either side of the wire. */
export class GrpcFailure extends Error {
  override readonly name = "GrpcFailure";
  /** One of `grpcStatus`. */
  readonly code: number;
  /** How long the server asks to wait before the next attempt, milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, message: string, retryAfterMs?: number) {
    super(cut(message, MAX_MESSAGE));
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Codes after which OTLP allows the same export to be sent again. */
const RETRYABLE: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/** Whether OTLP lets the sender try the same request again; RESOURCE_EXHAUSTED only with RetryInfo. */
export const isRetryable = (failure: GrpcFailure): boolean =>
  RETRYABLE.has(failure.code) || (failure.code === grpcStatus.resourceExhausted && failure.retryAfterMs !== undefined);

type ServiceErrorLike = { code?: unknown; details?: unknown; metadata?: unknown; message?: unknown };

const retryMsIn = (metadata: unknown): number | undefined => {
  if (!(metadata instanceof Metadata)) return undefined;
  const [details] = metadata.get(DETAILS_KEY);
  if (!Buffer.isBuffer(details)) return undefined;
  try {
    return decodeRetryMs(details);
  } catch {
    return undefined; // the delay is advice; a malformed one is no advice
  }
};

/** Reads whatever a gRPC client call rejected with. */
export const toGrpcFailure = (error: unknown): GrpcFailure => {
  if (error instanceof GrpcFailure) return error;
  const { code, details, metadata, message } = (error ?? {}) as ServiceErrorLike;
  const text = typeof details === "string" && details !== "" ? details : String(message ?? error);
  return new GrpcFailure(typeof code === "number" ? code : grpcStatus.internal, text, retryMsIn(metadata));
};

const named = Object.values(status).filter((code) => typeof code !== "string");

/** The status object that a gRPC server answers with. */
export const renderStatus = (failure: GrpcFailure): { code: status; details: string; metadata: Metadata } => {
  const metadata = new Metadata();
  if (failure.retryAfterMs !== undefined) {
    const details = encodeRetryStatus(failure.code, failure.message, failure.retryAfterMs);
    metadata.set(DETAILS_KEY, details);
  }
  const code = named.find((one: number) => one === failure.code) ?? status.UNKNOWN;
  return { code, details: failure.message, metadata };
};
