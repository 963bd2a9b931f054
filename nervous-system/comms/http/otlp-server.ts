import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { BodyRefused, readBoundedBody, type BodyLimits } from "./bounded-body.ts";
import { createSharedRoom, type SharedRoom } from "#nervous-system/kernel/shared-room.ts";
import type { Semaphore } from "#nervous-system/kernel/semaphore.ts";
import { addressOf } from "#nervous-system/kernel/endpoint.ts";
import { serve } from "./serve.ts";
import type { AskingCall } from "#nervous-system/comms/grpc/server.ts";
import { peerOf, type Doorway } from "#nervous-system/comms/socket/doorway.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { MessageShare } from "#nervous-system/comms/grpc/message-share.ts";
import { MAX_MESSAGE_BYTES } from "#nervous-system/comms/grpc/methods.ts";
import { contentTypes, httpRefusalOf, refuse, renderSuccess, type HttpRefusal } from "./otlp-answer.ts";
import {
  takeExport,
  type OtlpCall,
  type OtlpEncoding,
  type OtlpReceiver,
} from "#nervous-system/comms/grpc/otlp-service.ts";

/** How OTLP over HTTP listens. */
type OtlpHttpOptions = {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** See `Place`. */
  readonly reusePort?: boolean | undefined;
  /** Certificate chain and key, PEM; plaintext without them (loopback only). */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly receiver: OtlpReceiver;
  /** Bytes of one body after unpacking; 16 MiB without it. */
  readonly maxBodyBytes?: number;
  /** Room for bodies that are read or worked on, in bodies of the largest size, of which an address gets half; 4 without it. */
  readonly largestBodies?: number;
  /** Bytes that others take of too, beside that room. */
  readonly bytes?: Pick<Semaphore, "tryAcquire" | "release">;
  /** Connections at once, beyond which a new one is closed; 1,024 without it. */
  readonly maxConnections?: number;
  /** Lets connections in, instead of that number; whoever is admitted is welcome. */
  readonly doorway?: Doorway;
  /**
   * Judges a request before its body is read, and answers what that counts against, in place of the room for bodies; refuses by
   * throwing `GrpcFailure`.
   */
  readonly admit?: (call: AskingCall) => Promise<MessageShare | undefined>;
  /** Told of every error that is no refusal, which the client sees only as 500. */
  readonly onError: (path: string, error: unknown) => void;
  readonly clock: Pick<Clock, "after">;
};

/** A listening server. */
export type OtlpHttpServer = {
  readonly port: number;
  /** Accepts nothing new, finishes running requests for at most `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
};

type Route = { readonly kind: keyof OtlpReceiver; readonly rejected: string };

const routes: Readonly<Record<string, Route>> = {
  "/v1/logs": { kind: "logs", rejected: "rejectedLogRecords" },
  "/v1/traces": { kind: "traces", rejected: "rejectedSpans" },
  "/v1/metrics": { kind: "metrics", rejected: "rejectedDataPoints" },
};

const BODY_MS = 30_000;
const BODY_SILENCE_MS = 10_000;
// A connection alone gets a quarter of the room: one body of the largest size.
const LARGEST_BODIES = 4;

const encodingOf = (request: IncomingMessage): OtlpEncoding | undefined => {
  const [type = ""] = (request.headers["content-type"] ?? "").split(";", 1);
  const given = type.trim().toLowerCase();
  if (given === contentTypes.json) return "json";
  return given === contentTypes.protobuf ? "protobuf" : undefined;
};

const callOf = (request: IncomingMessage, response: ServerResponse, encoding: OtlpEncoding): OtlpCall => {
  const abort = new AbortController();
  response.once("close", () => abort.abort(new GrpcFailure(grpcStatus.cancelled, "the client ended the call")));
  const header = (name: string): string | undefined => {
    const value = request.headers[name.toLowerCase()];
    return typeof value === "string" ? value : undefined;
  };
  const token = /^Bearer +(\S+)$/i.exec(header("authorization") ?? "")?.[1];
  return { token, metadata: header, signal: abort.signal, encoding };
};

const wrongRequest = (request: IncomingMessage, route: Route | undefined): HttpRefusal | undefined => {
  const code = grpcStatus.invalidArgument;
  if (route === undefined) return { status: 404, code, message: `there is ${Object.keys(routes).join(", ")} here` };
  if (request.method !== "POST") return { status: 405, code, message: "exports are sent by POST" };
  if (encodingOf(request) === undefined)
    return { status: 415, code, message: `content-type is ${Object.values(contentTypes).join(" or ")}` };
  return undefined;
};

const internal: HttpRefusal = {
  status: 500,
  code: grpcStatus.internal,
  message: "internal error; the server's log has it",
};

const routeOf = ({ url = "" }: IncomingMessage): Route | undefined => {
  const [path = ""] = url.split("?", 1);
  return Object.hasOwn(routes, path) ? routes[path] : undefined;
};

const noRoom = (): BodyRefused => new BodyRefused(503, "there is no room for more exports at the moment");

/** Serves requests; the room for their bodies is shared by address and connection, unless it is known who sends. */
class Listener {
  private readonly options: OtlpHttpOptions;
  private readonly limits: Omit<BodyLimits, "take">;
  private readonly room: SharedRoom;

  constructor(options: OtlpHttpOptions) {
    const { maxBodyBytes: maxBytes = MAX_MESSAGE_BYTES, clock } = options;
    this.options = options;
    this.room = createSharedRoom({ total: (options.largestBodies ?? LARGEST_BODIES) * maxBytes, apart: 0 });
    this.limits = { maxBytes, withinMs: BODY_MS, silenceMs: BODY_SILENCE_MS, clock };
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, onError } = this.options;
    const encoding = encodingOf(request) ?? "json";
    const route = routeOf(request);
    const wrong = wrongRequest(request, route);
    if (wrong !== undefined || route === undefined)
      return refuse(request, response, encoding, { refusal: wrong ?? internal, clock });
    await this.take(route, request, response).catch((error: unknown) => {
      const refusal = httpRefusalOf(error);
      if (refusal === undefined && !response.destroyed) onError(request.url ?? "", error);
      refuse(request, response, encoding, { refusal: refusal ?? internal, clock });
    });
  }

  private shareOf(address: string, peer: string): { grow(bytes: number): Error | undefined; leave(): void } {
    const { grow, leave } = this.room.open(address, peer);
    return { grow: (bytes) => (grow(bytes) === undefined ? undefined : noRoom()), leave };
  }

  private async take(route: Route, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = callOf(request, response, encodingOf(request) ?? "json");
    const peer = peerOf(request.socket);
    const { remoteAddress: address = "" } = request.socket;
    const { admit, doorway, bytes: shared } = this.options;
    const source = doorway?.knows(peer) === true ? peer : address;
    const share = (await admit?.({ ...call, source })) ?? this.shareOf(address, peer);
    doorway?.welcome(peer);
    let taken = 0;
    const take = (bytes: number): Error | undefined => {
      const refusal = share.grow(bytes);
      if (refusal !== undefined || shared?.tryAcquire(bytes) === false) return refusal ?? noRoom();
      taken += bytes;
      return undefined;
    };
    try {
      const body = await readBoundedBody(request, { ...this.limits, take });
      const partial = await takeExport(this.options.receiver[route.kind], body, call);
      response.writeHead(200, { "content-type": contentTypes[call.encoding] });
      response.end(renderSuccess(call.encoding, route.rejected, partial));
    } finally {
      share.leave();
      shared?.release(taken);
    }
  }
}

/** Starts OTLP over HTTP: POST /v1/logs, /v1/traces and /v1/metrics, protobuf or JSON, gzip, deflate, br, zstd or none. */
export const startOtlpHttpServer = async (options: OtlpHttpOptions): Promise<OtlpHttpServer> => {
  const { address, reusePort, tls, maxConnections, doorway, clock } = options;
  const listener = new Listener(options);
  const server = await serve({
    at: { ...addressOf(address), reusePort },
    tls,
    maxConnections,
    doorway,
    // Bodies have a limit of their own, which answers; this one cuts what comes after it.
    requestMs: 2 * BODY_MS,
    answer: (request, response) => listener.serve(request, response),
  });
  return { port: server.port, close: (graceMs) => server.close(graceMs, clock) };
};
