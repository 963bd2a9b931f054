import { connect as connectHttp2, type ClientHttp2Stream } from "node:http2";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { createSemaphore } from "#nervous-system/kernel/semaphore.ts";
import { waitFor } from "#platform/process/wait.ts";
import { sayMessage } from "#test/builders/half-call.ts";
import { createGrpcClient } from "./client.ts";
import { grpcStatus, type GrpcFailure } from "./failure.ts";
import { exportLogs, putBlobMethod } from "./methods.ts";
import { startGrpcServer, type GrpcHandler } from "./server.ts";

const clock = systemClock();
const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

const MESSAGE = 1000;

/** A server with room for two messages of the largest size, whose handlers answer when they are let. */
const bounded = async () => {
  const gate = Promise.withResolvers<void>();
  const begun: number[] = [];
  const answer = async (size: number): Promise<Buffer> => {
    begun.push(size);
    if (size > 1) await gate.promise;
    return Buffer.from("taken");
  };
  const handlers: GrpcHandler[] = [
    { kind: "unary", method: exportLogs, handle: (request) => answer(request.length) },
    {
      kind: "clientStream",
      method: putBlobMethod,
      handle: async (requests) => {
        for await (const _ of requests);
        return answer(1);
      },
    },
  ];
  const [time, bytes] = [manualClock(), createSemaphore(2 * MESSAGE)];
  const { port, close } = await startGrpcServer({
    address: "127.0.0.1:0",
    handlers,
    limits: { messageBytes: MESSAGE, streams: 8 },
    callRoom: { bytes, withinMs: 30_000 },
    onError: () => undefined,
    clock: time,
  });
  cleanups.push(() => close(0));
  const client = createGrpcClient({ address: `127.0.0.1:${port}`, clock });
  cleanups.push(() => client.close());
  const ask = (size = 1): Promise<string> =>
    client.unary(exportLogs, Buffer.alloc(size), { deadlineMs: 10_000 }).then(String);
  const isFull = (): boolean => {
    const hadRoom = bytes.tryAcquire(MESSAGE);
    if (hadRoom) bytes.release(MESSAGE);
    return !hadRoom;
  };
  return { port, time, begun, gate, ask, isFull };
};

/** Calls a method on a connection of its own with a message of `size`, and leaves the last `open` bytes unsaid. */
const say = (port: number, path: string, size: number, open = 0): ClientHttp2Stream => {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined);
  cleanups.push(() => session.destroy());
  return sayMessage(session, path, size, open);
};

const statusOf = (stream: ClientHttp2Stream): Promise<number> =>
  new Promise((resolve) => {
    const take = (headers: Record<string, unknown>): void => {
      if (headers["grpc-status"] !== undefined) resolve(Number(headers["grpc-status"]));
    };
    stream.on("trailers", take).on("response", take);
  });

const until = (what: string, is: () => boolean): Promise<unknown> =>
  waitFor(what, async () => is(), { timeoutMs: 10_000 });

describe("the room for calls", () => {
  it.each([exportLogs, putBlobMethod])(
    "is taken by halves of messages on all connections ($path)",
    async ({ path }) => {
      const { port, ask, isFull } = await bounded();
      const halves = [say(port, path, MESSAGE, 1), say(port, path, MESSAGE, 1)];
      await until("both are let in", isFull);
      const refusal = await ask().catch((error: GrpcFailure) => error);
      expect(refusal).toMatchObject({ code: grpcStatus.unavailable, retryAfterMs: 1000 });
      for (const half of halves) half.close();
      await until("they have given it back", () => !isFull());
      expect(await ask()).toBe("taken");
    },
  );

  it("is taken by as much as a message is, once it is there", async () => {
    const { port, begun, ask, gate } = await bounded();
    for (let n = 0; n < 5; n += 1) say(port, exportLogs.path, 100);
    await until("all five are worked on", () => begun.length === 5);
    expect(await ask()).toBe("taken");
    gate.resolve();
  });

  it("is held by what is worked on, also when nobody waits for it any more", async () => {
    const { port, begun, gate, ask, isFull } = await bounded();
    const whole = [say(port, exportLogs.path, MESSAGE), say(port, exportLogs.path, MESSAGE)];
    await until("both are worked on", () => begun.length === 2);
    const closed = Promise.all(whole.map((one) => new Promise((done) => one.once("close", done))));
    for (const one of whole) one.close();
    await closed;
    expect(await ask().catch(({ code }: GrpcFailure) => code)).toBe(grpcStatus.unavailable);
    gate.resolve();
    await until("the work is done", () => !isFull());
  });

  it("is given back by a request that does not arrive in time", async () => {
    const { port, time, isFull } = await bounded();
    const halves = [say(port, exportLogs.path, MESSAGE, 1), say(port, exportLogs.path, MESSAGE, 1)];
    const statuses = Promise.all(halves.map(statusOf));
    await until("both are let in", isFull);
    await time.advance(30_000);
    expect(await statuses).toEqual([grpcStatus.deadlineExceeded, grpcStatus.deadlineExceeded]);
    await until("they have given it back", () => !isFull());
  });
});
