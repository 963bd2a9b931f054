import { Client, credentials, Metadata, type CallOptions as GrpcCallOptions } from "@grpc/grpc-js";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { toGrpcFailure } from "./grpc-failure.ts";
import { MAX_MESSAGE_BYTES, type GrpcMethod } from "./grpc-methods.ts";
import { pump } from "./grpc-pump.ts";

/** Where a gRPC server is and how to prove who we are. */
export type GrpcClientOptions = {
  /** `host:port`. */
  readonly address: string;
  /** CA that the server's certificate must come from; plaintext without it (loopback only). */
  readonly caPem?: string;
  /** Name that the certificate must carry, when it is not the host of `address`. */
  readonly serverName?: string;
  /** Bearer token, asked for on every call because projected tokens rotate. */
  readonly token?: () => Promise<string>;
  readonly clock: Pick<Clock, "now">;
};

/** Limits of one call. */
export type CallLimits = {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Metadata sent beside the token. */
  readonly metadata?: Readonly<Record<string, string>>;
};

/** Calls raw-bytes methods over one channel that reconnects by itself; rejects with `GrpcFailure`. */
export type GrpcClient = {
  unary(method: GrpcMethod, request: Buffer, limits: CallLimits): Promise<Buffer>;
  /** Sends every request, waiting for the server to take them, and gives the one answer. */
  clientStream(method: GrpcMethod, requests: AsyncIterable<Buffer>, limits: CallLimits): Promise<Buffer>;
  serverStream(method: GrpcMethod, request: Buffer, limits: CallLimits): AsyncIterable<Buffer>;
  close(): void;
};

const asIs = (bytes: Buffer): Buffer => bytes;

const channelOptions = (serverName: string | undefined): Record<string, string | number> => ({
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5_000,
  // Retrying belongs to the caller, who knows what is stored.
  "grpc.enable_retries": 0,
  // An agent's HTTPS_PROXY must not stand between its recorder and the collector.
  "grpc.enable_http_proxy": 0,
  ...(serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName }),
});

const channelCredentials = (caPem: string | undefined) =>
  caPem === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(caPem));

type Started = { cancel(): void };

/** Cancels the call when the signal aborts; the answer stops listening. */
const cancelOn = (signal: AbortSignal | undefined, call: Started): (() => void) => {
  const cancel = (): void => call.cancel();
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  return () => signal?.removeEventListener("abort", cancel);
};

/** Creates a client; it connects with its first call. */
export const createGrpcClient = (options: GrpcClientOptions): GrpcClient => {
  const client = new Client(options.address, channelCredentials(options.caPem), channelOptions(options.serverName));
  const metadataOf = async (limits: CallLimits): Promise<Metadata> => {
    const carried = new Metadata();
    for (const [name, value] of Object.entries(limits.metadata ?? {})) carried.set(name, value);
    if (options.token) carried.set("authorization", `Bearer ${await options.token()}`);
    return carried;
  };
  const callOptions = (limits: CallLimits): GrpcCallOptions => ({
    deadline: options.clock.now() + limits.deadlineMs,
  });
  const settle =
    (resolve: (bytes: Buffer) => void, reject: (error: unknown) => void) =>
    (error: unknown, answer?: Buffer): void =>
      error || !answer ? reject(toGrpcFailure(error)) : resolve(answer);

  return {
    unary: async (method, request, limits) => {
      const carried = await metadataOf(limits);
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      const done = settle(resolve, reject);
      const set = callOptions(limits);
      const call = client.makeUnaryRequest(method.path, asIs, asIs, request, carried, set, done);
      return promise.finally(cancelOn(limits.signal, call));
    },
    clientStream: async (method, requests, limits) => {
      const carried = await metadataOf(limits);
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      const done = settle(resolve, reject);
      const set = callOptions(limits);
      const call = client.makeClientStreamRequest(method.path, asIs, asIs, carried, set, done);
      const stopListening = cancelOn(limits.signal, call);
      const over = new AbortController();
      call.on("status", () => over.abort());
      // A source that fails must not look like a complete upload: the call is cancelled instead.
      pump(requests, call, over.signal).catch((error: unknown) => {
        reject(toGrpcFailure(error));
        call.cancel();
      });
      return promise.finally(stopListening);
    },
    async *serverStream(method, request, limits) {
      const carried = await metadataOf(limits);
      const set = callOptions(limits);
      const call = client.makeServerStreamRequest(method.path, asIs, asIs, request, carried, set);
      const stopListening = cancelOn(limits.signal, call);
      try {
        for await (const chunk of call) yield chunk as Buffer;
      } catch (error) {
        throw toGrpcFailure(error);
      } finally {
        stopListening();
        call.cancel();
      }
    },
    close: () => client.close(),
  };
};
