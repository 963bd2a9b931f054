import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { readBoundedBody } from "./bounded-body.ts";

const setUp = (room = 1_000, headers: Record<string, string> = {}) => {
  const clock = manualClock();
  const sender = new PassThrough();
  let left = room;
  const take = (bytes: number): Error | undefined => {
    if (bytes > left) return new Error("no room");
    left -= bytes;
    return undefined;
  };
  const request = Object.assign(sender, { headers, complete: true }) as unknown as IncomingMessage;
  const body = readBoundedBody(request, { maxBytes: 500, withinMs: 30_000, silenceMs: 10_000, take, clock });
  /** Sends some, and lets it arrive. */
  const send = async (bytes: string | Buffer): Promise<void> => {
    sender.write(bytes);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, sender, body, send, left: () => left };
};

describe("a body", () => {
  it("is read whole, however it is cut, and takes what it is large after unpacking", async () => {
    const { sender, body, left } = setUp(1_000, { "content-encoding": "gzip" });
    for (const byte of gzipSync("x".repeat(400))) sender.write(Buffer.of(byte));
    sender.end();
    expect((await body).toString()).toBe("x".repeat(400));
    expect(left()).toBe(600);
  });

  it("is refused where a second zstd frame would be lost", async () => {
    const { sender, body } = setUp(1_000, { "content-encoding": "zstd" });
    sender.end(Buffer.concat([zstdCompressSync("first,"), zstdCompressSync("second")]));
    await expect(body).rejects.toMatchObject({ status: 400 });
  });

  it("takes room as it grows, not as it announces", async () => {
    const { send, body, left } = setUp(1_000, { "content-length": "500" });
    await send("12");
    expect(left()).toBe(998);
    await send("345");
    expect(left()).toBe(995);
    void body.catch(() => undefined);
  });

  it("is refused with the room's own words, and its sender is not cut off", async () => {
    const { send, sender, body } = setUp(100);
    await send("x".repeat(80));
    sender.write("x".repeat(21));
    await expect(body).rejects.toThrow("no room");
    expect(sender.destroyed).toBe(false);
  });

  it("of a client that is gone already is not waited for", async () => {
    const clock = manualClock();
    const request = Object.assign(new PassThrough().destroy(), { headers: {}, complete: false });
    const limits = { maxBytes: 500, withinMs: 30_000, silenceMs: 10_000, take: () => undefined, clock };
    const body = readBoundedBody(request as unknown as IncomingMessage, limits);
    await expect(body).rejects.toThrow("the client ended its request");
  });

  it("is refused when no more of it comes", async () => {
    const { clock, send, body } = setUp();
    void body.catch(() => undefined);
    await clock.advance(9_000);
    await send("1");
    await clock.advance(9_999);
    const pending = clock.pending();
    await clock.advance(1);
    await expect(body).rejects.toMatchObject({ status: 408, message: "no more of the body arrived for 10000 ms" });
    expect([pending, clock.pending()]).toEqual([2, 0]);
  });

  it("is refused when its time is up, however steadily it trickles", async () => {
    const { clock, send, body } = setUp();
    void body.catch(() => undefined);
    for (let i = 0; i < 6; i += 1) {
      await send("1");
      await clock.advance(5_000);
    }
    await expect(body).rejects.toMatchObject({ status: 408, message: "the body did not arrive within 30000 ms" });
  });
});
