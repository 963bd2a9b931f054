import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { providerAnswers } from "#test/builders/provider-answers.ts";
import { createAnswerFilter } from "#pipeline/gateway/answer-filter.ts";

type Head = Partial<Parameters<typeof createAnswerFilter>[0]>;

/** What a client got before the record was written, and after; and what the record will say. */
const filtered = async (body: Buffer, head: Head, dropsUsageEvent = false) => {
  let now = 0;
  const options = { dropsUsageEvent, nowMs: () => (now += 1) };
  const filter = createAnswerFilter({ status: 200, ...head }, options);
  const passed = Buffer.concat(Array.from(body, (byte) => filter.push(Buffer.from([byte]))));
  const { kept, ...read } = await filter.end(body, { maxBytes: 1024 * 1024, isWhole: true });
  return { passed, kept, read, all: Buffer.concat([passed, kept]) };
};

const typeOf = (of: string): string =>
  of.endsWith("streamed") ? "text/event-stream; charset=utf-8" : "application/json";

describe("the filter of an answer", () => {
  it.each(providerAnswers)(
    "of $of changes no byte, keeps its end back and tells what it says",
    async ({ of, body, facts }) => {
      const { all, kept, read } = await filtered(Buffer.from(body), { contentType: typeOf(of) });
      expect(all.toString()).toBe(body);
      expect(kept.length).toBeGreaterThan(0);
      expect(read).toMatchObject({ facts });
    },
  );

  it.each(providerAnswers)("of $of does the same in a coding that nobody asked for", async ({ of, body, facts }) => {
    for (const [contentEncoding, coded] of [
      ["gzip", gzipSync(body)],
      ["br", brotliCompressSync(body)],
    ] as const) {
      const { all, kept, read } = await filtered(coded, { contentType: typeOf(of), contentEncoding }, true);
      expect(all).toEqual(coded);
      expect(kept.length).toBeGreaterThan(0);
      expect(read).toMatchObject({ facts, decoded: Buffer.from(body) });
    }
  });

  it("leaves the event with the counts out, though no blank line follows it", async () => {
    const first = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
    const counts = 'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}';
    const { all, read } = await filtered(Buffer.from(first + counts), { contentType: "text/event-stream" }, true);
    expect(all.toString()).toBe(first);
    expect(read).toMatchObject({ facts: { inputTokens: 5, outputTokens: 2 }, firstContentMs: 1 });
  });

  it("says of a coding that it does not know, or that unfolds too far, that it was not read", async () => {
    const bomb = gzipSync(Buffer.alloc(1024 * 1024 + 1));
    expect((await filtered(bomb, { contentEncoding: "gzip" })).read).toMatchObject({
      facts: {},
      unread: "the answer was not read: it unfolds to more than 1048576 bytes",
    });
    expect((await filtered(Buffer.from("?"), { contentEncoding: "compress" })).read).toMatchObject({
      unread: expect.stringContaining('"compress"'),
    });
  });
});
