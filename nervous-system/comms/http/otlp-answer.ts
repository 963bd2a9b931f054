import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import {
  encodeExportResponse,
  encodeRetryStatus,
  encodeStatus,
  RETRY_INFO_URL,
  type PartialSuccess,
} from "#nervous-system/codecs/otlp/status.ts";
import { BodyRefused } from "./bounded-body.ts";
import { endAfterRequest } from "./linger.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { OtlpEncoding } from "#nervous-system/comms/grpc/otlp-service.ts";

/** The content type of each encoding. */
export const contentTypes: Readonly<Record<OtlpEncoding, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};

/** Why an export is refused. */
export type HttpRefusal = {
  readonly status: number;
  /** One of `grpcStatus`. */
  readonly code: number;
  readonly message: string;
  readonly retryMs?: number | undefined;
};

/** HTTP statuses of gRPC's codes; OTLP lets exporters try 429, 502, 503 and 504 again, and nothing else. */
const httpStatuses: ReadonlyMap<number, number> = new Map([
  [grpcStatus.invalidArgument, 400],
  [grpcStatus.unauthenticated, 401],
  [grpcStatus.permissionDenied, 403],
  [grpcStatus.notFound, 404],
  [grpcStatus.unimplemented, 404],
  [grpcStatus.unavailable, 503],
  [grpcStatus.aborted, 503],
  [grpcStatus.cancelled, 503],
  [grpcStatus.deadlineExceeded, 504],
]);

const RETRY_MS = 1_000;
const retryable: ReadonlySet<number> = new Set([429, 503, 504]);

/** RESOURCE_EXHAUSTED may be tried again only where the server says when. */
const statusOf = ({ code, retryAfterMs }: GrpcFailure): number => {
  if (code === grpcStatus.resourceExhausted) return retryAfterMs === undefined ? 413 : 429;
  return httpStatuses.get(code) ?? 500;
};

const ofBody = ({ status, message }: BodyRefused): HttpRefusal =>
  status === 503
    ? { status, code: grpcStatus.unavailable, message, retryMs: RETRY_MS }
    : { status, code: grpcStatus.invalidArgument, message };

/** The refusal that an error stands for; undefined when it is none. */
export const httpRefusalOf = (error: unknown): HttpRefusal | undefined => {
  if (error instanceof BodyRefused) return ofBody(error);
  if (!(error instanceof GrpcFailure)) return undefined;
  const { code, message, retryAfterMs } = error;
  const status = statusOf(error);
  return { status, code, message, retryMs: retryAfterMs ?? (retryable.has(status) ? RETRY_MS : undefined) };
};

/** google.rpc.Status in the encoding of the request. */
const renderStatus = (encoding: OtlpEncoding, { code, message, retryMs }: HttpRefusal): Buffer => {
  if (encoding === "protobuf")
    return retryMs === undefined ? encodeStatus(code, message) : encodeRetryStatus(code, message, retryMs);
  const retry = { "@type": RETRY_INFO_URL, retryDelay: `${((retryMs ?? 0) / 1000).toFixed(3)}s` };
  return Buffer.from(JSON.stringify({ code, message, ...(retryMs === undefined ? {} : { details: [retry] }) }));
};

/** The answer to an export that was taken; `rejected` names the count of what was not. */
export const renderSuccess = (
  encoding: OtlpEncoding,
  rejected: string,
  partial: PartialSuccess | undefined,
): string | Buffer => {
  if (encoding === "protobuf") return encodeExportResponse(partial);
  if (partial === undefined) return "{}";
  return JSON.stringify({ partialSuccess: { [rejected]: String(partial.rejected), errorMessage: partial.message } });
};

/** Answers a refusal; the connection ends with it, because what is left of the body must not pass for a request. */
export const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  encoding: OtlpEncoding,
  { refusal, clock }: { readonly refusal: HttpRefusal; readonly clock: Pick<Clock, "after"> },
): void => {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const { status, retryMs } = refusal;
  const body = renderStatus(encoding, refusal);
  const headers = { "content-type": contentTypes[encoding], "content-length": body.length, connection: "close" };
  const retry = retryMs === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(retryMs / 1000))) };
  const allow = status === 405 ? { allow: "POST" } : {};
  response.writeHead(status, { ...headers, ...retry, ...allow });
  endAfterRequest(request, response, body, clock);
};
