import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { waitFor } from "#platform/process/wait.ts";
import { serverCertificate } from "#test/builders/server-certificate.ts";
import { createGrpcClient, type GrpcClient } from "./client.ts";
import { GrpcFailure, grpcStatus, isRetryable, renderStatus } from "./failure.ts";
import { exportLogs, getBlobMethod, MAX_MESSAGE_BYTES, putBlobMethod, tailMethod } from "./methods.ts";
import { openDoorway, type Doorway } from "#nervous-system/comms/socket/doorway.ts";
import { startGrpcServer, type GrpcHandler } from "./server.ts";

const clock = systemClock();
const limits = { deadlineMs: 10_000 };
const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

const connected = async (
  handlers: readonly GrpcHandler[],
  token?: () => Promise<string>,
): Promise<{ client: GrpcClient; errors: unknown[] }> => {
  const errors: unknown[] = [];
  const onError = (_method: string, error: unknown): void => void errors.push(error);
  const server = await startGrpcServer({ address: "127.0.0.1:0", handlers, onError, clock });
  cleanups.push(() => server.close(1000));
  const address = `127.0.0.1:${server.port}`;
  const client = createGrpcClient({ address, clock, ...(token && { token }) });
  cleanups.push(() => client.close());
  return { client, errors };
};

const failureOf = async (call: Promise<unknown>): Promise<GrpcFailure> => {
  try {
    await call;
  } catch (error) {
    return error as GrpcFailure;
  }
  throw new Error("the call succeeded");
};

async function* chunks(count: number, size: number): AsyncIterable<Buffer> {
  for (let i = 0; i < count; i += 1) yield Buffer.alloc(size, i);
}

describe("a server that admits its callers", () => {
  type Admit = NonNullable<Parameters<typeof startGrpcServer>[0]["admit"]>;

  const guarded = async (admit: Admit) => {
    const handled: Buffer[] = [];
    const handler: GrpcHandler = {
      kind: "unary",
      method: exportLogs,
      handle: async (request) => {
        handled.push(request);
        return Buffer.from("taken");
      },
    };
    const time = manualClock();
    const sockets: Socket[] = [];
    const { enter, ...rest } = openDoorway({ clock: time, onCut: () => undefined });
    const doorway: Doorway = { enter: (socket) => (sockets.push(socket), enter(socket)), ...rest };
    const served = { address: "127.0.0.1:0", handlers: [handler], onError: () => {}, clock, doorway, admit };
    const { port, close } = await startGrpcServer(served);
    cleanups.push(() => close(0));
    const client = createGrpcClient({ address: `127.0.0.1:${port}`, clock, token: async () => "mine" });
    cleanups.push(() => client.close());
    return { client, port, time, sockets, handled };
  };

  it("reads no message of a caller whom it does not know yet, and none of one that it refuses", async () => {
    const asked = Promise.withResolvers<string | undefined>();
    const verdict = Promise.withResolvers<undefined>();
    const { client, sockets, handled } = await guarded(({ token }) => {
      asked.resolve(token);
      return verdict.promise;
    });
    const failure = failureOf(client.unary(exportLogs, Buffer.alloc(MAX_MESSAGE_BYTES), limits));
    expect(await asked.promise).toBe("mine");
    // A window of the protocol's, and no more: what it is told is not taken until it is known who says it.
    for (let i = 0; i < 100; i += 1) await new Promise((turn) => setImmediate(turn));
    expect(sockets[0]?.bytesRead).toBeLessThan(1024 * 1024);
    verdict.reject(new GrpcFailure(grpcStatus.unavailable, "later", 1500));
    expect(await failure).toMatchObject({ code: grpcStatus.unavailable, message: "later", retryAfterMs: 1500 });
    expect(handled).toEqual([]);
  });

  it("tells whoever admits what is called, and from where: an address, and once it is known which connection", async () => {
    const sources: string[] = [];
    const { client } = await guarded(async ({ source, path }) => {
      expect(path).toBe(exportLogs.path);
      sources.push(source);
      return undefined;
    });
    for (let calls = 0; calls < 3; calls += 1) await client.unary(exportLogs, Buffer.of(1), limits);
    expect(sources).toEqual(["127.0.0.1", sources[1], sources[1]]);
    expect(sources[1]).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it("keeps the connection of a caller that it knows, and cuts one that says nothing", async () => {
    const { client, port, time, sockets } = await guarded(async () => undefined);
    expect(String(await client.unary(exportLogs, Buffer.of(1), limits))).toBe("taken");
    const silent = connect(port, "127.0.0.1");
    cleanups.push(() => void silent.destroy());
    await waitFor("it is there", async () => sockets.length === 2, { timeoutMs: 5_000 });
    await time.advance(30_000);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, true]);
    expect(String(await client.unary(exportLogs, Buffer.of(1), limits))).toBe("taken");
  });
});

describe("a unary call", () => {
  it("carries bytes both ways and the token of the moment", async () => {
    let turn = 0;
    const { client } = await connected(
      [
        {
          kind: "unary",
          method: exportLogs,
          handle: async (request, call) => Buffer.from(`${call.token}:${request.toString("hex")}`),
        },
      ],
      async () => `token-${(turn += 1)}`,
    );
    const request = Buffer.from([0, 255, 1]);
    expect(String(await client.unary(exportLogs, request, limits))).toBe("token-1:00ff01");
    expect(String(await client.unary(exportLogs, request, limits))).toBe("token-2:00ff01");
  });

  it("refused with RetryInfo tells the client how long to wait", async () => {
    const { client, errors } = await connected([
      {
        kind: "unary",
        method: exportLogs,
        handle: () => Promise.reject(new GrpcFailure(grpcStatus.unavailable, "full", 1500)),
      },
    ]);
    const failure = await failureOf(client.unary(exportLogs, Buffer.of(), limits));
    expect([failure.code, failure.message, failure.retryAfterMs]).toEqual([14, "full", 1500]);
    expect(isRetryable(failure)).toBe(true);
    expect(errors).toEqual([]);
  });

  it("hides an unexpected error from the client and shows it to the server", async () => {
    const broken = new Error("secret detail");
    const { client, errors } = await connected([
      { kind: "unary", method: exportLogs, handle: () => Promise.reject(broken) },
    ]);
    const failure = await failureOf(client.unary(exportLogs, Buffer.of(), limits));
    expect(failure.code).toBe(grpcStatus.internal);
    expect(failure.message).not.toContain("secret");
    expect(isRetryable(failure)).toBe(false);
    expect(errors).toEqual([broken]);
  });

  it("larger than 16 MiB is refused before the handler sees it", async () => {
    let handled = 0;
    const { client } = await connected([
      {
        kind: "unary",
        method: exportLogs,
        handle: async (request) => {
          handled += 1;
          return Buffer.from(String(request.length));
        },
      },
    ]);
    const largest = Buffer.alloc(MAX_MESSAGE_BYTES);
    expect(String(await client.unary(exportLogs, largest, limits))).toBe(String(MAX_MESSAGE_BYTES));
    const tooLarge = client.unary(exportLogs, Buffer.alloc(MAX_MESSAGE_BYTES + 1), limits);
    expect((await failureOf(tooLarge)).code).toBe(grpcStatus.resourceExhausted);
    expect(handled).toBe(1);
  });

  it("to nobody fails as retryable within its deadline", async () => {
    const server = await startGrpcServer({
      address: "127.0.0.1:0",
      handlers: [],
      onError: () => {},
      clock,
    });
    await server.close(0);
    const client = createGrpcClient({ address: `127.0.0.1:${server.port}`, clock });
    cleanups.push(() => client.close());
    const failure = await failureOf(client.unary(tailMethod, Buffer.of(), limits));
    expect(isRetryable(failure)).toBe(true);
  });

  it("ends at the caller's signal, and the handler hears of it", async () => {
    const abort = new AbortController();
    const heard = Promise.withResolvers<void>();
    const { client } = await connected([
      {
        kind: "unary",
        method: tailMethod,
        handle: (_request, call) => {
          call.signal.addEventListener("abort", () => heard.resolve());
          abort.abort();
          return new Promise(() => {});
        },
      },
    ]);
    const call = client.unary(tailMethod, Buffer.of(), { ...limits, signal: abort.signal });
    expect((await failureOf(call)).code).toBe(grpcStatus.cancelled);
    await heard.promise;
  });
});

describe("streams", () => {
  const putBlob: GrpcHandler = {
    kind: "clientStream",
    method: putBlobMethod,
    handle: async (requests) => {
      let size = 0;
      for await (const chunk of requests) size += chunk.length;
      return Buffer.from(String(size));
    },
  };

  it("carry more than a message may hold, up and down in chunks", async () => {
    const { client } = await connected([
      putBlob,
      { kind: "serverStream", method: getBlobMethod, handle: () => chunks(20, 1 << 20) },
    ]);
    const answer = await client.clientStream(putBlobMethod, chunks(20, 1 << 20), limits);
    expect(String(answer)).toBe(String(20 << 20));
    let received = 0;
    for await (const chunk of client.serverStream(getBlobMethod, Buffer.of(), limits)) {
      received += chunk.length;
    }
    expect(received).toBe(20 << 20);
  });

  it("whose source fails are not a shorter upload", async () => {
    const { client } = await connected([putBlob]);
    const failing = async function* (): AsyncIterable<Buffer> {
      yield Buffer.alloc(10);
      throw new Error("disk gone");
    };
    const failure = await failureOf(client.clientStream(putBlobMethod, failing(), limits));
    expect(failure.message).toBe("disk gone");
  });

  it("that the server refuses midway fail with the server's reason", async () => {
    const refuse = (): never => {
      throw new GrpcFailure(grpcStatus.resourceExhausted, "a blob is at most 64 MiB");
    };
    const { client } = await connected([
      {
        kind: "clientStream",
        method: putBlobMethod,
        handle: async (requests) => {
          for await (const chunk of requests) if (chunk.length > 0) refuse();
          return Buffer.of();
        },
      },
      {
        kind: "serverStream",
        method: getBlobMethod,
        handle: async function* () {
          yield Buffer.from("one");
          refuse();
        },
      },
    ]);
    const up = await failureOf(client.clientStream(putBlobMethod, chunks(1000, 1 << 16), limits));
    expect([up.code, up.message]).toEqual([8, "a blob is at most 64 MiB"]);
    const received: string[] = [];
    const read = async (): Promise<void> => {
      for await (const chunk of client.serverStream(getBlobMethod, Buffer.of(), limits)) {
        received.push(String(chunk));
      }
    };
    expect((await failureOf(read())).message).toBe("a blob is at most 64 MiB");
    expect(received).toEqual(["one"]);
  });
});

describe("an answer that has its time", () => {
  it("ends where nobody reads it, and says so behind what is read later", async () => {
    const time = manualClock();
    let ended: unknown;
    let sent = 0;
    const handle = async function* (_: Buffer, { signal }: { readonly signal: AbortSignal }) {
      try {
        for (; sent < 1000; sent += 1) yield Buffer.alloc(1 << 20);
      } finally {
        ended = signal.reason;
      }
    };
    const server = await startGrpcServer({
      address: "127.0.0.1:0",
      handlers: [{ kind: "serverStream", method: getBlobMethod, handle, withinMs: 60_000 }],
      onError: () => {},
      clock: time,
    });
    cleanups.push(() => server.close(1000));
    const client = createGrpcClient({ address: `127.0.0.1:${server.port}`, clock });
    cleanups.push(() => client.close());
    const answer = client.serverStream(getBlobMethod, Buffer.of(), limits)[Symbol.asyncIterator]();
    expect((await answer.next()).done).toBe(false);
    const before = sent;
    await time.advance(59_999);
    expect([ended, sent]).toEqual([undefined, before]);
    await time.advance(1);
    await waitFor("the answer's source is ended", () => ended !== undefined, { timeoutMs: 5_000 });
    const readOn = async (): Promise<void> => {
      for (let next = await answer.next(); next.done !== true; next = await answer.next())
        expect(sent).toBeLessThan(999);
    };
    expect((await failureOf(readOn())).code).toBe(grpcStatus.deadlineExceeded);
    expect(time.pending()).toBe(0);
  });
});

describe.each(["plaintext", "TLS"])("a server over %s that closes", (how) => {
  const GRACE_MS = 60_000;

  /** A server whose one unary call and one stream run until they are told, and a client in the middle of both. */
  const busy = async () => {
    const time = manualClock();
    const certificate = how === "TLS" ? await serverCertificate(cleanups) : undefined;
    const [begun, answer, streamed] = [
      Promise.withResolvers<AbortSignal>(),
      Promise.withResolvers<Buffer>(),
      Promise.withResolvers<void>(),
    ];
    const handlers: GrpcHandler[] = [
      { kind: "unary", method: tailMethod, handle: async () => Buffer.from("answered") },
      {
        kind: "unary",
        method: exportLogs,
        handle: (_request, { signal }) => (begun.resolve(signal), answer.promise),
      },
      {
        kind: "serverStream",
        method: getBlobMethod,
        handle: async function* () {
          yield Buffer.from("one");
          await streamed.promise;
          yield Buffer.from("two");
        },
      },
    ];
    const onError = (): void => {};
    const tls = certificate && { tls: certificate };
    const server = await startGrpcServer({ address: "127.0.0.1:0", handlers, onError, clock: time, ...tls });
    const trusted = certificate && { caPem: certificate.ca, serverName: "localhost" };
    const client = createGrpcClient({ address: `127.0.0.1:${server.port}`, clock, ...trusted });
    cleanups.push(() => client.close());
    const call = client.unary(exportLogs, Buffer.of(), limits);
    const stream = client.serverStream(getBlobMethod, Buffer.of(), limits)[Symbol.asyncIterator]();
    expect(String((await stream.next()).value)).toBe("one");
    const signal = await begun.promise;
    return { time, server, client, call, stream, signal, answer, streamed };
  };

  /** A connection that says `words` and keeps its side open whatever it hears. */
  const stubborn = async (port: number, words: string): Promise<{ socket: Socket; closed: Promise<unknown> }> => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    cleanups.push(() => void socket.destroy());
    socket.on("error", () => {});
    const ended = new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
    await once(socket, "connect");
    socket.write(words);
    socket.resume();
    return { socket, closed: ended };
  };

  it("lets running calls end, refuses new ones meanwhile and waits for nobody else", async () => {
    const { time, server, client, call, stream, answer, streamed } = await busy();
    const silent = await stubborn(server.port, "");
    let isClosed = false;
    const closed = server.close(GRACE_MS).then(() => (isClosed = true));
    await silent.closed;
    silent.socket.destroy();
    expect((await failureOf(client.unary(tailMethod, Buffer.of(), limits))).code).toBe(grpcStatus.unavailable);
    expect(isClosed).toBe(false);
    answer.resolve(Buffer.from("the whole of it"));
    streamed.resolve();
    expect(String(await call)).toBe("the whole of it");
    expect(String((await stream.next()).value)).toBe("two");
    expect((await stream.next()).done).toBe(true);
    await closed;
    expect(time.pending()).toBe(0);
  }, 10_000);

  it("cuts what does not end in time, and holds no socket after", async () => {
    const { time, server, call, stream, signal } = await busy();
    const half = await stubborn(server.port, how === "TLS" ? "\x16\x03\x01\x02" : "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const failures = [failureOf(call), failureOf(stream.next())];
    let isClosed = false;
    const closed = server.close(GRACE_MS).then(() => (isClosed = true));
    await time.advance(GRACE_MS - 1);
    expect([isClosed, signal.aborted]).toEqual([false, false]);
    await time.advance(1);
    await closed;
    for (const { code } of await Promise.all(failures))
      expect([grpcStatus.unavailable, grpcStatus.cancelled]).toContain(code);
    await half.closed;
    expect(signal.aborted).toBe(true);
  }, 10_000);
});

describe("a connection that never comes about", () => {
  it("is given up, so that the server is found once it is there", async () => {
    // Takes connections and says nothing, as a way does that swallows packets.
    const held = new Set<Socket>();
    const silent = createServer((socket) => held.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const client = createGrpcClient({ address: `127.0.0.1:${port}`, caPem: "", clock, connectLimitMs: 300 });
    cleanups.push(() => client.close());
    const ask = (): Promise<GrpcFailure> => failureOf(client.unary(exportLogs, Buffer.alloc(1), { deadlineMs: 200 }));

    const arrived = async (count: number): Promise<void> => {
      const more = async (): Promise<boolean> => {
        expect((await ask()).code).toBe(grpcStatus.deadlineExceeded);
        return held.size >= count;
      };
      await waitFor(`connection ${count}`, more, { timeoutMs: 10_000 });
    };
    await arrived(1);
    await arrived(2);

    for (const socket of held) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it("cuts a failure's text to what trailers carry", () => {
    const { details } = renderStatus(new GrpcFailure(grpcStatus.invalidArgument, "x".repeat(100_000)));
    expect(details).toHaveLength(1024);
  });
});
