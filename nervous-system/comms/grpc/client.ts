import { Metadata, type CallOptions as GrpcCallOptions } from "@grpc/grpc-js";
import { toGrpcFailure } from "./failure.ts";
import { openGrpcChannel, type ChannelOptions } from "./channel.ts";
import type { GrpcMethod } from "./methods.ts";
import { pump, takeOneAtATime } from "./pump.ts";

/** Where a gRPC server is and how to prove who we are. */
export type GrpcClientOptions = ChannelOptions & {
  /** Bearer token, asked for on every call because projected tokens rotate. */
  readonly token?: () => Promise<string>;
  /** Metadata sent with every call. */
  readonly metadata?: Readonly<Record<string, string>>;
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
  const channel = openGrpcChannel(options);
  const metadataOf = async (limits: CallLimits): Promise<Metadata> => {
    const carried = new Metadata();
    for (const [name, value] of Object.entries({ ...options.metadata, ...limits.metadata })) carried.set(name, value);
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
      const call = channel.current().makeUnaryRequest(method.path, asIs, asIs, request, carried, set, done);
      return promise.finally(cancelOn(limits.signal, call));
    },
    clientStream: async (method, requests, limits) => {
      const carried = await metadataOf(limits);
      const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
      const done = settle(resolve, reject);
      const set = callOptions(limits);
      const call = channel.current().makeClientStreamRequest(method.path, asIs, asIs, carried, set, done);
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
      const call = channel.current().makeServerStreamRequest(method.path, asIs, asIs, request, carried, set);
      takeOneAtATime(call);
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
    close: () => channel.close(),
  };
};
