import {
  type Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { createServer, type Server as Listener, type Socket } from "node:net";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { addressOf } from "#nervous-system/kernel/endpoint.ts";
import { boundingCalls, type CallRoom } from "./call-room.ts";
import { GrpcFailure, grpcStatus, renderStatus } from "./failure.ts";
import { chargeMessages, type MessageShare } from "./message-share.ts";
import { MAX_MESSAGE_BYTES, type GrpcMethod } from "./methods.ts";
import { joinGrpcPieces } from "./pieces.ts";
import { pump, takeOneAtATime } from "./pump.ts";
import { addressOfPeer, type Doorway } from "#nervous-system/comms/socket/doorway.ts";
import { listen, MAX_CONNECTIONS } from "#nervous-system/comms/socket/listen.ts";

/** What a handler knows of its call. */
export type CallContext = {
  /** The bearer token, without its scheme; undefined when there is none. */
  readonly token: string | undefined;
  /** A text of the call's metadata; undefined when there is none. */
  metadata(name: string): string | undefined;
  /** Aborts when the client goes away or its deadline passes. */
  readonly signal: AbortSignal;
};

/** What is known of a call before anything of its messages is read. */
export type AskingCall = Pick<CallContext, "token" | "metadata"> & {
  /** The address that it comes from, with its port where the connection has shown before who is at its end. */
  readonly source: string;
  /** `/<package>.<Service>/<Method>` of gRPC; none over HTTP. */
  readonly path?: string;
};

/** One method and what answers it; a handler refuses by throwing `GrpcFailure`. */
export type GrpcHandler =
  | {
      readonly kind: "unary";
      readonly method: GrpcMethod;
      readonly handle: (request: Buffer, call: CallContext) => Promise<Buffer>;
    }
  | {
      readonly kind: "clientStream";
      readonly method: GrpcMethod;
      readonly handle: (requests: AsyncIterable<Buffer>, call: CallContext) => Promise<Buffer>;
    }
  | {
      readonly kind: "serverStream";
      readonly method: GrpcMethod;
      readonly handle: (request: Buffer, call: CallContext) => AsyncIterable<Buffer>;
      /** How long an answer may take, milliseconds, however slowly the client reads it; for ever without it. */
      readonly withinMs?: number;
    };

/** How a server listens. */
type GrpcServerOptions = {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  /** See `Place`. */
  readonly reusePort?: boolean | undefined;
  /** Certificate chain and key, PEM; plaintext without them (loopback only). */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly handlers: readonly GrpcHandler[];
  /** Bytes of one message and calls at once on one connection; 16 MiB and 32 without it. */
  readonly limits?: { readonly messageBytes: number; readonly streams: number };
  /** Bounds what all calls hold at once; only those of each connection are bounded without it. */
  readonly callRoom?: CallRoom;
  /** Connections at once, beyond which a new one is closed; 1,024 without it. */
  readonly maxConnections?: number;
  /** Lets connections in, instead of that number; whoever is admitted is welcome. */
  readonly doorway?: Doorway;
  /** Judges a call before any message of it is read, and answers what these count against; refuses by throwing `GrpcFailure`. */
  readonly admit?: (call: AskingCall) => Promise<MessageShare | undefined>;
  /** Told of every error that is no `GrpcFailure`, which the client sees only as INTERNAL. */
  readonly onError: (method: string, error: unknown) => void;
  readonly clock: Pick<Clock, "after">;
};

/** A listening server. */
export type GrpcServer = {
  readonly port: number;
  /** Accepts nothing new, finishes running calls for at most `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
};

const asIs = (bytes: Buffer): Buffer => bytes;

/** The token of an `authorization: Bearer …` header. */
const bearerToken = (metadata: Metadata): string | undefined => {
  const [header] = metadata.get("authorization");
  const match = typeof header === "string" ? /^Bearer +(\S+)$/i.exec(header) : null;
  return match?.[1];
};

type AnyCall = { readonly metadata: Metadata; on(event: "cancelled", heard: () => void): unknown };

const saidBefore = (given: Metadata): Pick<CallContext, "token" | "metadata"> => ({
  token: bearerToken(given),
  metadata: (name) => {
    const [value] = given.get(name);
    return typeof value === "string" ? value : undefined;
  },
});

const contextOf = (call: AnyCall): CallContext => {
  const abort = new AbortController();
  call.on("cancelled", () => abort.abort(new GrpcFailure(grpcStatus.cancelled, "the client ended the call")));
  return { ...saidBefore(call.metadata), signal: abort.signal };
};

type Failing = (error: unknown) => ReturnType<typeof renderStatus>;

const failing =
  (path: string, onError: GrpcServerOptions["onError"]): Failing =>
  (error) => {
    if (error instanceof GrpcFailure) return renderStatus(error);
    onError(path, error);
    return renderStatus(new GrpcFailure(grpcStatus.internal, "internal error; the server's log has it"));
  };

/**
 * Nothing of a call is read until it is admitted: a stranger's messages would fill the memory before anybody knew him. Then they
 * take of whatever share he has.
 */
const admitting =
  ({ admit, doorway, onError, clock }: GrpcServerOptions, messageBytes: number): ServerInterceptor =>
  ({ path, requestStream: streams }, call) => {
    let charged: ReturnType<typeof chargeMessages> | undefined;
    let end = (): void => undefined;
    let hasEnded = false;
    const take = (share: MessageShare): void => {
      if (hasEnded) return share.leave();
      charged = chargeMessages(call, share, { streams, messageBytes }, clock);
      end = () => charged?.over();
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, goOn) => {
            const peer = call.getPeer();
            const admitted = (share: MessageShare | undefined): void => {
              doorway?.welcome(peer);
              if (share !== undefined) take(share);
              goOn(metadata);
            };
            const refuse = (error: unknown): void => call.sendStatus(failing(path, onError)(error));
            const source = doorway?.knows(peer) === true ? peer : addressOfPeer(peer);
            const asking = { ...saidBefore(metadata), source, path };
            (admit?.(asking) ?? Promise.resolve(undefined)).then(admitted).catch(refuse);
          },
          onReceiveMessage: (message: Buffer, goOn) => {
            charged?.unpacked(message.length);
            goOn(message);
          },
          onReceiveHalfClose: (goOn) => {
            charged?.arrived();
            goOn();
          },
          // Comes at the end of every call.
          onCancel: () => {
            hasEnded = true;
            end();
          },
        }),
    });
  };

type StreamHandler = Extract<GrpcHandler, { kind: "serverStream" }>;

/** Answers until the end, until the client has gone, or until the time is over: then the source is told, and ended. */
const stream = async (
  { handle, withinMs = Infinity }: StreamHandler,
  call: Parameters<handleServerStreamingCall<Buffer, Buffer>>[0],
  clock: Pick<Clock, "after">,
): Promise<void> => {
  const context = contextOf(call);
  const stop = new AbortController();
  const leave = (): void => stop.abort(context.signal.reason);
  context.signal.addEventListener("abort", leave, { once: true });
  const late = new GrpcFailure(grpcStatus.deadlineExceeded, `the answer was not taken within ${withinMs} ms`);
  const cancel = withinMs === Infinity ? undefined : clock.after(withinMs, () => stop.abort(late));
  try {
    await pump(handle(call.request, { ...context, signal: stop.signal }), call, stop.signal);
    if (stop.signal.reason === late) throw late;
  } catch (error) {
    throw stop.signal.reason === late ? late : error;
  } finally {
    cancel?.();
    context.signal.removeEventListener("abort", leave);
  }
};

const implement = (handler: GrpcHandler, fail: Failing, clock: Pick<Clock, "after">) => {
  if (handler.kind === "unary") {
    const unary: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
      handler.handle(call.request, contextOf(call)).then(
        (response) => answer(null, response),
        (error: unknown) => answer(fail(error)),
      );
    };
    return unary;
  }
  if (handler.kind === "clientStream") {
    const upload: handleClientStreamingCall<Buffer, Buffer> = (call, answer) => {
      takeOneAtATime(call);
      // Not destroyed by a handler that stops reading: its refusal must still reach the client.
      const requests: AsyncIterable<Buffer> = call.iterator({ destroyOnReturn: false });
      handler
        .handle(requests, contextOf(call))
        .then(
          (response) => answer(null, response),
          (error: unknown) => answer(fail(error)),
        )
        .finally(() => call.resume());
    };
    return upload;
  }
  const download: handleServerStreamingCall<Buffer, Buffer> = (call) => {
    stream(handler, call, clock).catch((error: unknown) => {
      call.emit("error", fail(error));
    });
  };
  return download;
};

const definitionOf = (method: GrpcMethod): ServiceDefinition[string] => ({
  ...method,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});

type Front = {
  readonly listener: Listener;
  /** Takes no connection, ends those without calls, tells the others to make none, and cuts what is left after `graceMs`. */
  close(graceMs: number, clock: Pick<Clock, "after">): Promise<void>;
};

// grpc-js bounds no connections by itself, and gives no hand to the server that it listens with.
const frontOf = (server: Server, options: GrpcServerOptions): Front => {
  const { tls, maxConnections = MAX_CONNECTIONS, doorway } = options;
  const pair = tls && { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) };
  const injector = server.createConnectionInjector(
    pair ? ServerCredentials.createSsl(null, [pair]) : ServerCredentials.createInsecure(),
  );
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    if (doorway?.enter(socket) === false) return;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    injector.injectConnection(socket);
  });
  if (doorway === undefined) listener.maxConnections = maxConnections;
  const cut = (which: (socket: Socket) => boolean): void => {
    for (const socket of sockets) if (which(socket)) socket.destroy();
  };
  return {
    listener,
    close: async (graceMs, clock) => {
      const cancel = clock.after(graceMs, () => cut(() => true));
      // Resolves when the last socket is gone: grpc-js's own shutdown does not wait for what was injected.
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      injector.destroy();
      // Who was never answered a byte is before TLS, which the injector does not see.
      cut(({ bytesWritten }) => bytesWritten === 0);
      await closed;
      cancel();
    },
  };
};

joinGrpcPieces();

/** Calls at once on one connection. */
const MAX_STREAMS = 32;

/** Starts a server of raw-bytes methods; rejects when the address cannot be bound. */
export const startGrpcServer = async (options: GrpcServerOptions): Promise<GrpcServer> => {
  const { messageBytes, streams } = options.limits ?? { messageBytes: MAX_MESSAGE_BYTES, streams: MAX_STREAMS };
  const { callRoom, admit, clock } = options;
  const interceptors = [
    ...(callRoom === undefined ? [] : [boundingCalls(callRoom, messageBytes, clock)]),
    ...(admit === undefined ? [] : [admitting(options, messageBytes)]),
  ];
  const server = new Server({
    "grpc.max_receive_message_length": messageBytes,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    // Nobody asks for its statistics, which it would gather for every call and message.
    "grpc.enable_channelz": 0,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // A caller who is not known yet may fill one message for each stream.
    "grpc.max_concurrent_streams": streams,
    interceptors,
  });
  for (const handler of options.handlers) {
    const { method } = handler;
    const implementation = implement(handler, failing(method.path, options.onError), options.clock);
    server.addService({ [method.path]: definitionOf(method) }, { [method.path]: implementation });
  }
  const front = frontOf(server, options);
  const port = await listen(front.listener, { ...addressOf(options.address), reusePort: options.reusePort });
  return { port, close: (graceMs) => front.close(graceMs, clock) };
};
