import { connect as connectHttp2, type ClientHttp2Stream } from "node:http2";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { createSharedRoom } from "#nervous-system/kernel/shared-room.ts";
import { waitFor } from "#platform/process/wait.ts";
import { sayMessage } from "#test/builders/half-call.ts";
import { createGrpcClient } from "./client.ts";
import { GrpcFailure, grpcStatus } from "./failure.ts";
import { exportLogs, putBlobMethod } from "./methods.ts";
import { startGrpcServer, type GrpcHandler } from "./server.ts";

const clock = systemClock();
const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

const LARGEST = 100_000;
const RETRY_MS = 500;

/** A server with room for eight messages of the largest size, of which one sender gets two; `senders` tells who calls next. */
const shared = async () => {
  const room = createSharedRoom({ total: 8 * LARGEST, apart: 0 });
  const [senders, held] = [[] as string[], new Map<string, number>()];
  const [handled, seen] = [[] as number[], [] as number[]];
  const handlers: GrpcHandler[] = [
    {
      kind: "unary",
      method: exportLogs,
      handle: async (request) => (handled.push(request.length), Buffer.from("taken")),
    },
    {
      kind: "clientStream",
      method: putBlobMethod,
      handle: async (requests) => {
        for await (const { length } of requests) handled.push(length);
        return Buffer.from("taken");
      },
    },
  ];
  const time = manualClock();
  const admit = async () => {
    const who = senders.shift() ?? "nobody";
    const share = room.open(who, who);
    const count = (bytes: number): void => {
      held.set(who, (held.get(who) ?? 0) + bytes);
      seen.push(held.get(who) ?? 0);
    };
    let own = 0;
    return {
      grow: (bytes: number): GrpcFailure | undefined => {
        if (share.grow(bytes) !== undefined) return new GrpcFailure(grpcStatus.unavailable, "no room", RETRY_MS);
        count(bytes);
        own += bytes;
        return undefined;
      },
      shrink: (bytes: number) => {
        share.shrink(bytes);
        count(-bytes);
        own -= bytes;
      },
      leave: () => (share.leave(), count(-own)),
    };
  };
  const { port, close } = await startGrpcServer({
    address: "127.0.0.1:0",
    handlers,
    limits: { messageBytes: LARGEST, streams: 8 },
    admit,
    onError: () => undefined,
    clock: time,
  });
  cleanups.push(() => close(0));
  const client = createGrpcClient({ address: `127.0.0.1:${port}`, clock });
  cleanups.push(() => client.close());
  const say = (who: string, size: number, open: number): ClientHttp2Stream => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", () => undefined);
    cleanups.push(() => session.destroy());
    senders.push(who);
    return sayMessage(session, exportLogs.path, size, open);
  };
  /** Says that what follows is packed, by the first byte of its prefix, and leaves the last `open` bytes of it unsaid. */
  const sayPacked = (who: string, packed: Buffer, open: number): ClientHttp2Stream => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", () => undefined);
    cleanups.push(() => session.destroy());
    senders.push(who);
    const headers = { ":method": "POST", ":path": exportLogs.path, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({ ...headers, "grpc-encoding": "gzip" }).resume();
    stream.on("error", () => undefined);
    stream.write(
      Buffer.concat([
        Buffer.from([1, 0, 0, packed.length >> 8, packed.length & 255]),
        packed.subarray(0, packed.length - open),
      ]),
    );
    return open === 0 ? stream.end() : stream;
  };
  const ask = (who: string, size = 1): Promise<string> => {
    senders.push(who);
    return client.unary(exportLogs, Buffer.alloc(size), { deadlineMs: 10_000 }).then(String);
  };
  const holds = (who: string, bytes: number): Promise<unknown> =>
    waitFor(`${who} holds ${bytes}`, async () => (held.get(who) ?? 0) === bytes, { timeoutMs: 10_000 });
  return { time, handled, seen, say, sayPacked, ask, holds, client, senders };
};

const statusOf = (stream: ClientHttp2Stream): Promise<number> =>
  new Promise((resolve) => {
    const take = (headers: Record<string, unknown>): void => {
      if (headers["grpc-status"] !== undefined) resolve(Number(headers["grpc-status"]));
    };
    stream.on("trailers", take).on("response", take);
  });

describe("messages of known senders", () => {
  it("take of their sender's share as soon as their size is said, on however many connections, and nobody else's", async () => {
    const { say, ask, holds, handled } = await shared();
    const halves = [say("greedy", LARGEST, LARGEST - 1)];
    await holds("greedy", LARGEST);
    halves.push(say("greedy", LARGEST, LARGEST - 1));
    await holds("greedy", 2 * LARGEST);
    const third = say("greedy", LARGEST, LARGEST - 1);
    expect(await statusOf(third)).toBe(grpcStatus.unavailable);
    expect(await ask("greedy", LARGEST).catch((error: GrpcFailure) => error)).toMatchObject({ retryAfterMs: RETRY_MS });
    expect(await ask("modest", LARGEST)).toBe("taken");
    expect(handled).toEqual([LARGEST]);
    for (const half of halves) half.close();
    await holds("greedy", 0);
    expect(await ask("greedy", LARGEST)).toBe("taken");
  });

  it("are dropped from the moment that they are refused, however much more of them comes", async () => {
    const { say, holds, ask, handled } = await shared();
    for (const one of [1, 2]) {
      say("greedy", LARGEST, 1);
      await holds("greedy", one * LARGEST);
    }
    const third = say("greedy", LARGEST, LARGEST - 1);
    const status = statusOf(third);
    third.write(Buffer.alloc(LARGEST - 2));
    expect(await status).toBe(grpcStatus.unavailable);
    third.end(Buffer.alloc(1));
    expect(await ask("modest")).toBe("taken");
    expect(handled).toEqual([1]);
  });

  it("that are packed take what they say to be while they come, and what they unfold to as they do", async () => {
    const { sayPacked, holds, handled, seen } = await shared();
    const packed = gzipSync(Buffer.alloc(1_000));
    const half = sayPacked("sly", packed, 1);
    await holds("sly", packed.length);
    half.close();
    await holds("sly", 0);
    expect(await statusOf(sayPacked("sly", packed, 0))).toBe(0);
    await holds("sly", 0);
    expect(handled).toEqual([1_000]);
    // As it came, while it unfolds, as it is then, and nothing at its end.
    expect(seen.slice(2)).toEqual([packed.length, packed.length + 1_000, 1_000, 0]);
  });

  it("that are packed pass ten at once, since none is more than it is", async () => {
    const { sayPacked, holds, handled } = await shared();
    const packed = gzipSync(Buffer.alloc(1_000));
    const statuses = Array.from({ length: 10 }, () => statusOf(sayPacked("honest", packed, 0)));
    expect(await Promise.all(statuses)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(handled).toHaveLength(10);
    await holds("honest", 0);
  });

  it("that unfold to more than their sender may hold are refused while they do, and hold nothing then", async () => {
    const { say, sayPacked, holds, ask, handled } = await shared();
    const half = say("sly", LARGEST, LARGEST - 1);
    await holds("sly", LARGEST);
    say("sly", LARGEST / 2, LARGEST / 2 - 1);
    await holds("sly", 1.5 * LARGEST);
    const bomb = gzipSync(Buffer.alloc(LARGEST - 1));
    expect(await statusOf(sayPacked("sly", bomb, 0))).toBe(grpcStatus.unavailable);
    await holds("sly", 1.5 * LARGEST);
    expect(await ask("modest")).toBe("taken");
    half.close();
    await holds("sly", LARGEST / 2);
    expect(await statusOf(sayPacked("sly", bomb, 0))).toBe(0);
    expect(handled).toEqual([1, LARGEST - 1]);
  });

  it("that unfold to more than a message may be, or to nothing that can be read, are refused", async () => {
    const { sayPacked, holds } = await shared();
    expect(await statusOf(sayPacked("sly", gzipSync(Buffer.alloc(LARGEST + 1)), 0))).toBe(grpcStatus.resourceExhausted);
    expect(await statusOf(sayPacked("sly", Buffer.from("no gzip"), 0))).toBe(grpcStatus.internal);
    await holds("sly", 0);
  });

  it("of a stream count twice the largest, until its end", async () => {
    const { client, senders, holds } = await shared();
    const gate = Promise.withResolvers<void>();
    const chunks = async function* (): AsyncGenerator<Buffer> {
      for (const size of [10, 1000, 100]) yield Buffer.alloc(size);
      await gate.promise;
    };
    senders.push("up");
    const answer = client.clientStream(putBlobMethod, chunks(), { deadlineMs: 10_000 });
    await holds("up", 2000);
    gate.resolve();
    expect(String(await answer)).toBe("taken");
    await holds("up", 0);
  });

  it("have half a minute to arrive", async () => {
    const { say, holds, time } = await shared();
    const half = say("slow", 1000, 1);
    await holds("slow", 1000);
    await time.advance(30_000);
    expect(await statusOf(half)).toBe(grpcStatus.deadlineExceeded);
    await holds("slow", 0);
    expect(time.pending()).toBe(0);
  });
});
