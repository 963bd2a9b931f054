import type { GrpcClient } from "#nervous-system/comms/grpc-client.ts";
import { GrpcFailure, grpcStatus, toGrpcFailure } from "#nervous-system/comms/grpc-failure.ts";
import { exportTraces, getBlobMethod, putBlobMethod, tailMethod } from "#nervous-system/comms/grpc-methods.ts";
import { startGrpcServer, type GrpcHandler, type GrpcServer } from "#nervous-system/comms/grpc-server.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";

/** What the loopback ports need. */
export type GrpcPortOptions = {
  /** The collector, called with the pod's token. */
  collector: GrpcClient;
  clock: Pick<Clock, "after">;
  log: Log;
};

const CALL_MS = 15_000;
const BLOB_MS = 120_000;

const serviceHandlers = (collector: GrpcClient): GrpcHandler[] => [
  {
    kind: "unary",
    method: tailMethod,
    handle: (request, { signal }) => collector.unary(tailMethod, request, { deadlineMs: CALL_MS, signal }),
  },
  {
    kind: "clientStream",
    method: putBlobMethod,
    handle: (requests, { signal }) => collector.clientStream(putBlobMethod, requests, { deadlineMs: BLOB_MS, signal }),
  },
  {
    kind: "serverStream",
    method: getBlobMethod,
    handle: (request, { signal }) => collector.serverStream(getBlobMethod, request, { deadlineMs: BLOB_MS, signal }),
  },
];

/** Whatever keeps spans from the collector passes: the agent's exporter tries again. */
const unavailable = (error: unknown): never => {
  const { message, retryAfterMs } = toGrpcFailure(error);
  throw new GrpcFailure(grpcStatus.unavailable, `the collector did not take the spans: ${message}`, retryAfterMs);
};

const traceHandler = (collector: GrpcClient): GrpcHandler => ({
  kind: "unary",
  method: exportTraces,
  handle: (request, { signal }) =>
    collector.unary(exportTraces, request, { deadlineMs: CALL_MS, signal }).catch(unavailable),
});

const listen = (port: number, handlers: GrpcHandler[], options: GrpcPortOptions): Promise<GrpcServer> =>
  startGrpcServer({
    address: `127.0.0.1:${port}`,
    handlers,
    clock: options.clock,
    onError: (method, error) => options.log.error({ method, error: String(error) }, "a call through the scribe failed"),
  });

/** Serves the context service on loopback and passes each call to the collector with the pod's token. */
export const listenForService = (port: number, options: GrpcPortOptions): Promise<GrpcServer> =>
  listen(port, serviceHandlers(options.collector), options);

/** Serves OTLP traces on loopback; the agent hears success only when the collector said so. */
export const listenForSpans = (port: number, options: GrpcPortOptions): Promise<GrpcServer> =>
  listen(port, [traceHandler(options.collector)], options);
