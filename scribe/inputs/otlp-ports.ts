import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { GrpcFailure, grpcStatus, isRetryable, toGrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { exportMetrics, exportTraces } from "#nervous-system/comms/grpc/methods.ts";
import type { CallRoom } from "#nervous-system/comms/grpc/call-room.ts";
import { startGrpcServer } from "#nervous-system/comms/grpc/server.ts";
import { startOtlpHttpServer } from "#nervous-system/comms/http/otlp-server.ts";
import { otlpGrpcHandlers, type OtlpReceiver } from "#nervous-system/comms/grpc/otlp-service.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { MAX_POD_CALLERS } from "#nervous-system/comms/socket/listen.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { decodeExportResponse } from "#nervous-system/codecs/otlp/status.ts";
import type { SpanQueueOptions } from "./span-queue.ts";

/** Where OTLP is served, on loopback. */
type OtlpPortsOptions = {
  grpcPort: number;
  httpPort: number;
  /** See `Place`. */
  reusePort?: boolean;
  receiver: OtlpReceiver;
  /** What requests may hold together with those of other ports. */
  room: CallRoom;
  clock: Clock;
  log: Log;
};

/** The listening ports of OTLP. */
export type OtlpPorts = { grpcPort: number; httpPort: number; close(graceMs: number): Promise<void> };

// The pod gives the scribe 160 MiB: an exporter sends batches of a few hundred KiB.
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
// All of a pod are one address, which gets half.
const LARGEST_BODIES = 4;
const MAX_STREAMS = 8;
const CALL_MS = 15_000;

/** Serves OTLP over gRPC and HTTP on loopback. */
export const listenForOtlp = async (options: OtlpPortsOptions): Promise<OtlpPorts> => {
  const { reusePort, receiver, room, clock, log } = options;
  const onError = (method: string, error: unknown): void =>
    log.error({ method, error: String(error) }, "telemetry could not be taken");
  const grpc = await startGrpcServer({
    address: `127.0.0.1:${options.grpcPort}`,
    reusePort,
    handlers: otlpGrpcHandlers(receiver),
    limits: { messageBytes: MAX_MESSAGE_BYTES, streams: MAX_STREAMS },
    callRoom: room,
    maxConnections: MAX_POD_CALLERS,
    clock,
    onError,
  });
  const http = await startOtlpHttpServer({
    address: `127.0.0.1:${options.httpPort}`,
    reusePort,
    receiver,
    maxBodyBytes: MAX_MESSAGE_BYTES,
    largestBodies: LARGEST_BODIES,
    bytes: room.bytes,
    maxConnections: MAX_POD_CALLERS,
    clock,
    onError,
  });
  return {
    grpcPort: grpc.port,
    httpPort: http.port,
    close: async (graceMs) => {
      await Promise.all([grpc.close(graceMs), http.close(graceMs)]);
    },
  };
};

/** The sending half of a span queue to the collector. */
export const sendSpansTo =
  (collector: GrpcClient): SpanQueueOptions["send"] =>
  async (request, signal) => {
    try {
      await collector.unary(exportTraces, request, { deadlineMs: CALL_MS, signal });
      return true;
    } catch (error) {
      const failure = toGrpcFailure(error);
      if (failure.code === grpcStatus.invalidArgument || failure.code === grpcStatus.resourceExhausted) return false;
      throw failure;
    }
  };

/** Passes metrics to the collector; whatever keeps them from it is for the program's exporter to try again. */
export const passMetricsTo =
  (collector: GrpcClient): OtlpReceiver["metrics"] =>
  async (request, { encoding, signal }) => {
    if (encoding === "json")
      throw new GrpcFailure(
        grpcStatus.invalidArgument,
        "metrics are passed on as protobuf; set the exporter to grpc or http/protobuf",
      );
    try {
      return decodeExportResponse(await collector.unary(exportMetrics, request, { deadlineMs: CALL_MS, signal }));
    } catch (error) {
      const failure = toGrpcFailure(error);
      const code = isRetryable(failure) ? failure.code : grpcStatus.unavailable;
      throw new GrpcFailure(code, `the collector did not take the metrics: ${failure.message}`, failure.retryAfterMs);
    }
  };
