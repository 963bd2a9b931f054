import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import {
  getBlobMethod,
  inboxMethod,
  putBlobMethod,
  recallMethod,
  streamStateMethod,
  tailMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import type { CallRoom } from "#nervous-system/comms/grpc/call-room.ts";
import { startGrpcServer, type GrpcHandler, type GrpcServer } from "#nervous-system/comms/grpc/server.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { MAX_POD_CALLERS } from "#nervous-system/comms/socket/listen.ts";

/** What the service port needs. */
type ContextServiceOptions = {
  port: number;
  /** See `Place`. */
  reusePort?: boolean;
  /** The collector, called with the pod's token. */
  collector: GrpcClient;
  /** What requests may hold together with those of other ports. */
  room: CallRoom;
  clock: Pick<Clock, "after">;
  log: Log;
};

// A piece of a blob, which senders cut at 1 MiB; questions are smaller.
const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;
const MAX_STREAMS = 8;

const CALL_MS = 15_000;
const BLOB_MS = 120_000;
// Whoever reads an inbox opens it again, from where it was.
const INBOX_MS = 3_600_000;

const serviceHandlers = (collector: GrpcClient): GrpcHandler[] => [
  ...[tailMethod, streamStateMethod, recallMethod].map((method): GrpcHandler => ({
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
export const listenForService = (options: ContextServiceOptions): Promise<GrpcServer> =>
  startGrpcServer({
    address: `127.0.0.1:${options.port}`,
    reusePort: options.reusePort,
    handlers: serviceHandlers(options.collector),
    limits: { messageBytes: MAX_MESSAGE_BYTES, streams: MAX_STREAMS },
    callRoom: options.room,
    maxConnections: MAX_POD_CALLERS,
    clock: options.clock,
    onError: (method, error) => options.log.error({ method, error: String(error) }, "a call through the scribe failed"),
  });
