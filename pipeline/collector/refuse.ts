import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc-failure.ts";
import { WireError } from "#nervous-system/telemetry/otlp/wire.ts";
import type { CollectorMetrics } from "#pipeline/collector/measure.ts";

const RETRY_MS = 1_000;

const failureOf = (error: unknown): GrpcFailure | undefined => {
  if (error instanceof GrpcFailure) return error;
  if (error instanceof WireError) return new GrpcFailure(grpcStatus.invalidArgument, error.message);
  if (error instanceof Error && error.name === "BusUnavailableError")
    return new GrpcFailure(grpcStatus.unavailable, error.message, RETRY_MS);
  return undefined;
};

/** Does the work of an export; what refuses it as a whole is counted and told in the caller's terms. */
export const countingRefusals = async <T>(metrics: CollectorMetrics, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const failure = failureOf(error);
    metrics.exportsRefused.inc({ code: String(failure?.code ?? grpcStatus.internal) });
    throw failure ?? error;
  }
};
