import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock, systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { decodeRetryMs } from "#nervous-system/codecs/otlp/status.ts";
import { waitFor } from "#platform/process/wait.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { startOtlpHttpServer, type OtlpHttpServer } from "./otlp-server.ts";
import type { TakeExport } from "#nervous-system/comms/grpc/otlp-service.ts";

const MAX = 1024 * 1024;
const MIB = 1024 * 1024;
let server: OtlpHttpServer;
let taken: number;
const within = { timeoutMs: 10_000 };
const errors: unknown[] = [];
const cleanups: Array<() => void> = [];

const start = async (
  answer: TakeExport = () => Promise.resolve(undefined),
  over: { clock?: Pick<Clock, "after">; admit?: () => Promise<undefined> } = {},
): Promise<void> => {
  taken = 0;
  const take: TakeExport = (body, call) => {
    taken += 1;
    return answer(body, call);
  };
  const receiver = { logs: take, traces: take, metrics: take };
  const onError = (_path: string, error: unknown): void => void errors.push(error);
  const { clock = systemClock(), ...rest } = over;
  server = await startOtlpHttpServer({
    address: "127.0.0.1:0",
    receiver,
    maxBodyBytes: MAX,
    onError,
    clock: { after: clock.after },
    ...rest,
  });
};
afterEach(async () => {
  for (const clean of cleanups.splice(0)) clean();
  await server.close(0);
  expect(errors.splice(0)).toEqual([]);
});

type Answer = { status: number; headers: IncomingMessage["headers"]; body: Buffer };
type Sent = {
  body: Readable;
  headers?: Record<string, string | number>;
  agent?: Agent;
  localAddress?: string | undefined;
};

/** Sends `body` until there is an answer; rejects when there is none. */
const post = ({ body, headers = {}, agent, localAddress }: Sent): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = httpRequest({
      port: server.port,
      host: "127.0.0.1",
      method: "POST",
      path: "/v1/traces",
      headers: { "content-type": "application/x-protobuf", ...headers },
      ...(agent && { agent }),
      ...(localAddress !== undefined && { localAddress }),
    });
    sent.once("error", reject);
    sent.once("response", (response) => {
      const { statusCode: status = 0, headers: received } = response;
      (response.toArray() as Promise<Buffer[]>).then(
        (chunks) => resolve({ status, headers: received, body: Buffer.concat(chunks) }),
        reject,
      );
    });
    body.pipe(sent);
  });

const chunk = Buffer.alloc(MIB, 7);
const megabytes = (count: number): Readable => Readable.from(Array.from({ length: count }, () => chunk));

const openSocket = (text: string): Socket => {
  const socket = connect(server.port, "127.0.0.1");
  cleanups.push(() => socket.destroy());
  socket.write(text);
  return socket;
};
const head = (length: number): string =>
  `POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

describe("a body of 100 MiB", () => {
  it("is refused by what it announces, and a sender who looks for the answer only at its end finds it", async () => {
    await start();
    const socket = openSocket(head(100 * MIB));
    for (let i = 0; i < 100; i += 1) if (!socket.write(chunk)) await once(socket, "drain");
    expect(Buffer.concat((await socket.toArray()) as Buffer[]).toString()).toMatch(/^HTTP\/1\.1 413 /);
    expect(taken).toBe(0);
  });

  it("is refused when it announces nothing, and its sender hears why", async () => {
    await start();
    const { status, headers } = await post({ body: megabytes(100) });
    expect([status, headers.connection, taken]).toEqual([413, "close", 0]);
  });

  it("is refused when it unpacks to nothing at all", async () => {
    await start();
    const nothing = gzipSync(Buffer.alloc(0));
    const members = Buffer.concat(Array.from({ length: Math.ceil(MIB / nothing.length) }, () => nothing));
    const body = Readable.from(Array.from({ length: 100 }, () => members));
    expect((await post({ body, headers: { "content-encoding": "gzip" } })).status).toBe(413);
  });

  it("is refused when it unpacks to much more", async () => {
    await start();
    const member = gzipSync(Buffer.alloc(8 * MIB), { level: 1 });
    const bomb = Buffer.concat(Array.from({ length: 100 }, () => member));
    const headers = { "content-encoding": "gzip" };
    expect(bomb.length).toBeGreaterThan(2 * MIB);
    const fits = bomb.subarray(0, MAX - 1);
    expect((await post({ body: Readable.from([fits]), headers })).status).toBe(413);
    expect((await post({ body: Readable.from([bomb]), headers })).status).toBe(413);
    expect(taken).toBe(0);
  });
});

describe("a sender that was refused", () => {
  const refuse = async (clock: ReturnType<typeof manualClock>): Promise<Socket> => {
    await start(undefined, { clock });
    const socket = openSocket(head(100 * MIB));
    await waitFor("the rest of the body is awaited", async () => clock.pending() === 2, within);
    return socket;
  };

  it("may bring the rest of its body at its own pace, and finds the answer at its end", async () => {
    const clock = manualClock();
    const socket = await refuse(clock);
    for (let i = 0; i < 5; i += 1) {
      // More than sockets hold: when they have room again, the server has read.
      if (!socket.write(Buffer.alloc(20 * MIB))) await once(socket, "drain");
      await clock.advance(1_900);
    }
    expect(Buffer.concat((await socket.toArray()) as Buffer[]).toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("is cut when it brings no more", async () => {
    const clock = manualClock();
    const socket = await refuse(clock);
    await clock.advance(2_000);
    expect(Buffer.concat((await socket.toArray()) as Buffer[]).toString()).toMatch(/^HTTP\/1\.1 413 /);
    await waitFor("nothing is waited for", async () => clock.pending() === 0, within);
  });
});

describe("a body that does not come", () => {
  it("is refused when nothing of it comes for ten seconds", async () => {
    const clock = manualClock();
    await start(undefined, { clock });
    const socket = openSocket(`${head(100)}{`);
    let text = "";
    socket.on("data", (piece: Buffer) => (text += piece.toString()));
    await waitFor("the body is being read", async () => clock.pending() === 2, within);
    await clock.advance(10_000);
    const refused = /^HTTP\/1\.1 408 [^]*no more of the body arrived for 10000 ms/;
    await waitFor("it is refused", async () => refused.test(text), within);
    await clock.advance(2_000);
    await once(socket, "close");
    expect(taken).toBe(0);
  });

  it("gives its room back when its sender is gone", async () => {
    await start();
    const bodies: Socket[] = [];
    const holdMost = (): void => {
      const socket = openSocket(head(MAX));
      socket.write(Buffer.alloc(MAX - 1));
      // Refused, because what asks below was there first.
      socket.once("data", holdMost);
      bodies.push(socket);
    };
    const answered = async (): Promise<number> =>
      (await post({ body: Readable.from([Buffer.alloc(0.75 * MAX)]) })).status;
    holdMost();
    await waitFor("the room is taken", async () => (await answered()) === 503, within);
    for (const socket of bodies) socket.destroy();
    await waitFor("the room is free", async () => (await answered()) === 200, within);
  });
});

describe("a sender whom nobody knows", () => {
  it("is refused before its body is read, and may bring it to its end", async () => {
    const failure = new GrpcFailure(grpcStatus.unauthenticated, "send a token");
    await start(undefined, { admit: () => Promise.reject(failure) });
    const { status, headers } = await post({ body: megabytes(20) });
    expect([status, headers.connection, taken]).toEqual([401, "close", 0]);
  });
});

describe("memory", () => {
  it("is shared by addresses: one that fills its share is asked to come again, and another is served", async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    await start(() => promise);
    const large = (localAddress?: string) => post({ body: Readable.from([Buffer.alloc(MAX)]), localAddress });
    const first = large();
    await waitFor("the first is worked on", async () => taken === 1, within);
    const second = await large();
    expect([second.status, second.headers["retry-after"], decodeRetryMs(second.body)]).toEqual([503, "1", 1000]);
    const json = await post({
      body: Readable.from([Buffer.alloc(MAX, " ")]),
      headers: { "content-type": "application/json" },
    });
    expect(JSON.parse(json.body.toString())).toEqual({
      code: 14,
      message: expect.stringContaining("no room"),
      details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "1.000s" }],
    });
    const elsewhere = post({ body: Readable.from([Buffer.alloc(MIB / 2)]), localAddress: "127.0.0.2" });
    await waitFor("another address is served", async () => taken === 2, within);
    resolve(undefined);
    expect([(await first).status, (await elsewhere).status, (await large()).status]).toEqual([200, 200, 200]);
  });
});

describe("a connection", () => {
  it("is used again, and not after a refusal", async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    cleanups.push(() => agent.destroy());
    const ports = new Set<number | undefined>();
    agent.on("free", (socket: Socket) => ports.add(socket.localPort));
    for (let i = 0; i < 3; i += 1) expect((await post({ body: Readable.from(["x"]), agent })).status).toBe(200);
    expect(ports.size).toBe(1);
    const wrong = await post({ body: Readable.from(["x"]), agent, headers: { "content-type": "text/plain" } });
    expect([wrong.status, wrong.headers.connection]).toEqual([415, "close"]);
  });

  it("that its client leaves tells so whoever works on the export", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    await start(async (_body, { signal }) => {
      signal.addEventListener("abort", () => resolve(signal.reason));
      await promise;
      return undefined;
    });
    const socket = openSocket(`${head(2)}{}`);
    await waitFor("the export is worked on", async () => taken === 1, within);
    socket.destroy();
    expect(await promise).toMatchObject({ name: "GrpcFailure" });
  });
});
