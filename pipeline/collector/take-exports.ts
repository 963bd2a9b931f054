import { checkBody } from "#nervous-system/comms/grpc/check-body.ts";
import type { BodyKind } from "#nervous-system/codecs/otlp/body-kind.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { namespaceMetadata } from "#nervous-system/comms/grpc/methods.ts";
import type { OtlpCall } from "#nervous-system/comms/grpc/otlp-service.ts";
import { WireError } from "#nervous-system/codecs/otlp/wire.ts";
import type { Admission } from "#pipeline/collector/admission.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import type { CollectorMetrics } from "#pipeline/collector/measure.ts";

const RETRY_MS = 1_000;

const failureOf = (error: unknown): GrpcFailure | undefined => {
  if (error instanceof GrpcFailure) return error;
  if (error instanceof WireError) return new GrpcFailure(grpcStatus.invalidArgument, error.message);
  if (error instanceof Error && error.name === "BusUnavailableError")
    return new GrpcFailure(grpcStatus.unavailable, error.message, RETRY_MS);
  return undefined;
};

/** What every kind of export needs. */
export type ExportsOptions = {
  readonly identify: Identify;
  readonly admission: Admission;
  readonly metrics: CollectorMetrics;
};

/** Takes exports while there is room for them; what refuses one as a whole is counted and told in the caller's terms. */
export const takingExports =
  <T>(
    { identify, admission, metrics }: ExportsOptions,
    kind: BodyKind,
    take: (request: Buffer, call: OtlpCall, caller: Caller) => Promise<T>,
  ) =>
  async (request: Buffer, call: OtlpCall): Promise<T> => {
    try {
      const caller = await identify(call.token, call.metadata(namespaceMetadata));
      const leave = admission.enter(caller, request.length);
      try {
        checkBody(kind, request, call.encoding);
        return await take(request, call, caller);
      } finally {
        leave();
      }
    } catch (error) {
      const failure = failureOf(error);
      metrics.exportsRefused.inc({ code: String(failure?.code ?? grpcStatus.internal) });
      throw failure ?? error;
    }
  };
