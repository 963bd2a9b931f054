import { gzipSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { providerAnswers } from "#test/builders/provider-answers.ts";
import { createAnswerCopy, createRequestCopy } from "./body-copy.ts";

const copied = async (
  head: { status?: number; contentType?: string; contentEncoding?: string },
  ...chunks: Buffer[]
) => {
  let now = 0;
  const copy = createAnswerCopy({ status: 200, ...head }, () => (now += 1));
  for (const chunk of chunks) copy.add(chunk);
  return copy.end(true);
};

const bytesOf = (text: string): Buffer[] => Array.from(Buffer.from(text), (byte) => Buffer.from([byte]));

describe("the copy of an answer", () => {
  it.each(providerAnswers)("of $of tells what that says, byte by byte, coded or not", async ({ of, body, facts }) => {
    const contentType = of.endsWith("streamed") ? "text/event-stream; charset=utf-8" : "application/json";
    expect(await copied({ contentType }, ...bytesOf(body))).toMatchObject({ facts });
    expect(await copied({ contentType, contentEncoding: "gzip" }, gzipSync(body))).toMatchObject({ facts });
  });

  it("knows when the model began to speak, and that its last event came", async () => {
    const events = [
      'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n',
      'data: {"choices":[{"delta":{"content":"a"}}]}\n\n',
    ];
    const contentType = "text/event-stream";
    expect(await copied({ contentType }, ...events.map((event) => Buffer.from(event)))).toMatchObject({
      firstContentMs: 2,
      isOver: false,
    });
    expect(await copied({ contentType }, Buffer.from("data: [DONE]"))).toMatchObject({ isOver: true });
  });

  it("says what it could not read", async () => {
    const unread = async (contentEncoding: string, ...chunks: Buffer[]) =>
      (await copied({ contentEncoding }, ...chunks)).unread;
    expect(await unread("compress", Buffer.from("x"))).toContain('content coding "compress"');
    expect(await unread("gzip", gzipSync(Buffer.alloc(17 << 20)))).toContain("unfolds to more than 16777216 bytes");
    expect(await unread("identity", Buffer.alloc(17 << 20))).toContain("more than 16777216 bytes");
    expect(await unread("gzip", gzipSync('{"id":"a"}').subarray(0, -9))).toContain("breaks off");
    expect(await unread("identity", gzipSync('{"id":"a"}'))).toContain("is gzip");
    expect(await unread("identity", Buffer.from('{"id":'))).toContain("is JSON that is broken");
    expect(await unread("identity", Buffer.from("<html>"))).toBe("the answer is a web page, no JSON: <html>");
    expect((await copied({ contentType: "text/event-stream" }, Buffer.from("<html>\n\n"))).unread).toContain(
      "no event",
    );
  });

  it("does not say so of what was cut, is a failure or moved: that is told otherwise", async () => {
    const unread = async (status: number, isWhole: boolean, contentType = "text/html") => {
      const copy = createAnswerCopy({ status, contentType }, () => 0);
      copy.add(Buffer.from("<html>"));
      return (await copy.end(isWhole)).unread;
    };
    expect([await unread(200, false), await unread(200, false, "text/event-stream")]).toEqual([undefined, undefined]);
    expect([await unread(502, true), await unread(301, true)]).toEqual([undefined, undefined]);
  });

  it("leaves out an event that does not end within 16 MiB, says so, and reads what comes after it", async () => {
    const mebibyte = Buffer.alloc(1 << 20, "x");
    const told = await copied(
      { contentType: "text/event-stream" },
      Buffer.from('data: {"model":"m-1","x":"'),
      ...Array.from({ length: 40 }, () => mebibyte),
      Buffer.from('","choices":[{"finish_reason":"length"}]}\n'),
      Buffer.from('\ndata: {"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n'),
    );
    expect(told).toMatchObject({
      facts: { inputTokens: 1, outputTokens: 2 },
      isOver: true,
      unread: "an event of the answer was not read: it has more than 16777216 bytes",
    });
    expect(told.facts).not.toHaveProperty("stopReason");
  });

  it("tells the error of a failure that calls itself a stream", async () => {
    expect(await copied({ status: 429, contentType: "text/event-stream" }, Buffer.from("slow down"))).toMatchObject({
      facts: { error: "slow down" },
    });
  });
});

describe("the copy of a request", () => {
  it("is decoded, or says why not", async () => {
    const ended = async (bytes: Buffer, coding?: string) => {
      const copy = createRequestCopy();
      copy.add(bytes);
      return copy.end(coding, true);
    };
    expect(await ended(gzipSync('{"model":"m"}'), "gzip")).toEqual({ text: '{"model":"m"}' });
    expect(await ended(Buffer.from("x"), "compress")).toEqual({ unread: expect.stringContaining('"compress"') });
    expect(await ended(Buffer.alloc(17 << 20))).toEqual({ unread: expect.stringContaining("16777216") });
  });
});
