import { encodeExportResponse, type PartialSuccess } from "#nervous-system/codecs/otlp/status.ts";
import { WireError } from "#nervous-system/codecs/otlp/wire.ts";
import { GrpcFailure, grpcStatus } from "./failure.ts";
import { exportLogs, exportMetrics, exportTraces, type GrpcMethod } from "./methods.ts";
import type { CallContext, GrpcHandler } from "./server.ts";

/** How a request is written. */
export type OtlpEncoding = "protobuf" | "json";

/** A call with the encoding of its request. */
export type OtlpCall = CallContext & { readonly encoding: OtlpEncoding };

/** Takes one kind of telemetry; refuses by throwing `GrpcFailure`, and `WireError` where the request is malformed. */
export type TakeExport = (request: Buffer, call: OtlpCall) => Promise<PartialSuccess | undefined>;

/** What takes OTLP, over gRPC and over HTTP alike. */
export type OtlpReceiver = { readonly logs: TakeExport; readonly traces: TakeExport; readonly metrics: TakeExport };

/** Takes an export; malformed input becomes INVALID_ARGUMENT, which nobody sends again. */
export const takeExport = async (take: TakeExport, request: Buffer, call: OtlpCall): ReturnType<TakeExport> => {
  try {
    return await take(request, call);
  } catch (error) {
    if (error instanceof WireError) throw new GrpcFailure(grpcStatus.invalidArgument, error.message);
    throw error;
  }
};

/** The gRPC methods of OTLP over a receiver. */
export const otlpGrpcHandlers = (receiver: OtlpReceiver): GrpcHandler[] => {
  const handler = (method: GrpcMethod, take: TakeExport): GrpcHandler => ({
    kind: "unary",
    method,
    handle: async (request, call) =>
      encodeExportResponse(await takeExport(take, request, { ...call, encoding: "protobuf" })),
  });
  return [
    handler(exportLogs, receiver.logs),
    handler(exportTraces, receiver.traces),
    handler(exportMetrics, receiver.metrics),
  ];
};
