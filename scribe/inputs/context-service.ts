import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import {
  getBlobMethod,
  inboxMethod,
  putBlobMethod,
  streamStateMethod,
  tailMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import { startGrpcServer, type GrpcHandler, type GrpcServer } from "#nervous-system/comms/grpc/server.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { MAX_POD_CONNECTIONS } from "#nervous-system/comms/socket/listen.ts";

/** What the service port needs. */
type ContextServiceOptions = {
  /** The collector, called with the pod's token. */
  collector: GrpcClient;
  clock: Pick<Clock, "after">;
  log: Log;
};

const CALL_MS = 15_000;
const BLOB_MS = 120_000;
// Whoever reads an inbox opens it again, from where it was.
const INBOX_MS = 3_600_000;

const serviceHandlers = (collector: GrpcClient): GrpcHandler[] => [
  ...[tailMethod, streamStateMethod].map((method): GrpcHandler => ({
    kind: "unary",
    method,
    handle: (request, { signal }) => collector.unary(method, request, { deadlineMs: CALL_MS, signal }),
  })),
  {
    kind: "serverStream",
    method: inboxMethod,
    handle: (request, { signal }) => collector.serverStream(inboxMethod, request, { deadlineMs: INBOX_MS, signal }),
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

/** Serves the context service on loopback and passes each call to the collector with the pod's token. */
export const listenForService = (port: number, { collector, clock, log }: ContextServiceOptions): Promise<GrpcServer> =>
  startGrpcServer({
    address: `127.0.0.1:${port}`,
    handlers: serviceHandlers(collector),
    maxConnections: MAX_POD_CONNECTIONS,
    clock,
    onError: (method, error) => log.error({ method, error: String(error) }, "a call through the scribe failed"),
  });
