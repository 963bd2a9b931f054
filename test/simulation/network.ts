import { GrpcFailure, grpcStatus, toGrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import type { CallLimits, GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import type { GrpcMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";

/** What the network does to each call; faults change it while the simulation runs. */
type Weather = {
  /** Longest ordinary way in one direction, milliseconds. */
  delayMs: number;
  loseRequest: number;
  loseAnswer: number;
  /** A request arrives a second time, up to five seconds later: behind newer ones too. */
  duplicate: number;
};

/** A server as the network finds it: gone while its life is over. */
export type Server = { readonly name: string; life: Life | undefined; handlers: readonly GrpcHandler[] };

/** The simulated network between recorders and collectors. */
export type Network = {
  readonly weather: Weather;
  /** Names of clients and servers that do not reach each other now, as `client|server`. */
  readonly cuts: Set<string>;
  /** A client that keeps to one server while it answers. */
  client(life: Life, name: string, token: string): GrpcClient;
};

/** What a network is made of. */
export type NetworkOptions = {
  loop: EventLoop;
  random: Random;
  servers: readonly Server[];
  /** Told of what a handler threw that is no `GrpcFailure`: a mistake in the product. */
  onUnexpected: (error: unknown) => void;
};

type Answer = { ok: true; bytes: Buffer } | { ok: false; error: GrpcFailure };
type Call = { client: string; token: string; method: GrpcMethod; request: Buffer };

const RESET_MS = 200;
const DUPLICATE_MS = 5_000;
const neverAborted = new AbortController().signal;

const unavailable = (message: string): Answer => ({
  ok: false,
  error: new GrpcFailure(grpcStatus.unavailable, message),
});

const handlerOf = (server: Server, { path }: GrpcMethod): (GrpcHandler & { kind: "unary" }) | undefined =>
  server.handlers.find((handler): handler is GrpcHandler & { kind: "unary" } => handler.method.path === path);

/** Creates a network in fair weather. */
export const createNetwork = (options: NetworkOptions): Network => {
  const { loop, random, servers } = options;
  const weather: Weather = { delayMs: 2, loseRequest: 0, loseAnswer: 0, duplicate: 0 };
  const cuts = new Set<string>();
  const way = (): number => random.next() * weather.delayMs;
  const isCut = (client: string, server: Server): boolean => cuts.has(`${client}|${server.name}`);

  /** Runs the handler in the server's life; a server that dies resets its connections. */
  const handle = (server: Server, { method, request, token }: Call, answer: (given: Answer) => void): void => {
    const { life } = server;
    const handler = handlerOf(server, method);
    if (life === undefined || !life.isAlive() || handler === undefined)
      return answer(unavailable("connection refused"));
    life.onDeath(() => answer(unavailable("connection reset")));
    const fail = (error: unknown): void => {
      if (!(error instanceof GrpcFailure)) options.onUnexpected(error);
      answer({ ok: false, error: toGrpcFailure(error) });
    };
    handler.handle(request, { token, metadata: () => undefined, signal: neverAborted }).then(
      life.hears((bytes: Buffer) => answer({ ok: true, bytes })),
      life.hears(fail),
    );
  };

  /** A lost message is noticed when the connection breaks, or never: then the deadline ends the call. */
  const lose = (answer: (given: Answer) => void): void => {
    if (random.chance(0.7)) loop.after(random.next() * RESET_MS, () => answer(unavailable("connection lost")));
  };

  const travel = (server: Server, call: Call, answer: (given: Answer) => void): void => {
    const back = (given: Answer): void => {
      if (isCut(call.client, server) || random.chance(weather.loseAnswer)) return lose(answer);
      loop.after(way(), () => answer(given));
    };
    const arrive = (reply: (given: Answer) => void): void => {
      if (isCut(call.client, server)) lose(answer);
      else handle(server, call, reply);
    };
    if (random.chance(weather.duplicate))
      loop.after(way() + random.next() * DUPLICATE_MS, () => arrive(() => undefined));
    if (random.chance(weather.loseRequest)) lose(answer);
    else loop.after(way(), () => arrive(back));
  };

  const unary = (life: Life, server: Server, call: Call, limits: CallLimits): Promise<Answer> =>
    new Promise((resolve) => {
      const answer = life.hears((given: Answer) => {
        cancelDeadline();
        limits.signal?.removeEventListener("abort", onAbort);
        resolve(given);
      });
      const fail = (code: number, message: string): void =>
        answer({ ok: false, error: new GrpcFailure(code, message) });
      const onAbort = (): void => fail(grpcStatus.cancelled, "cancelled");
      const cancelDeadline = life.clock.after(limits.deadlineMs, () => fail(grpcStatus.deadlineExceeded, "deadline"));
      if (limits.signal?.aborted) return onAbort();
      limits.signal?.addEventListener("abort", onAbort, { once: true });
      travel(server, call, answer);
    });

  const notHere = (): never => {
    throw new Error("the simulation knows unary calls only");
  };
  return {
    weather,
    cuts,
    client: (life, name, token) => {
      let server = random.pick(servers);
      return {
        unary: async (method, request, limits) => {
          const given = await unary(life, server, { client: name, token, method, request }, limits);
          if (given.ok) return given.bytes;
          if (given.error.code === grpcStatus.unavailable) server = random.pick(servers);
          throw given.error;
        },
        clientStream: notHere,
        serverStream: notHere,
        close: () => undefined,
      };
    },
  };
};
