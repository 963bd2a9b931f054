import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createMessageSplitter, delimit, type SplitMessage } from "./delimited-messages.ts";

const contents = (found: readonly SplitMessage[]): unknown[] =>
  found.map((one) => (one.kind === "message" ? one.bytes.toString("hex") : one.reason));

/** Pushes the stream cut at the given places. */
const pushInPieces = (stream: Buffer, cuts: readonly number[], maxBytes: number): SplitMessage[] => {
  const splitter = createMessageSplitter(maxBytes);
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)).toSorted((a, b) => a - b), stream.length];
  const pieces = places.slice(1).map((to, at) => stream.subarray(places[at], to));
  return [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
};

describe("messages behind their lengths", () => {
  it("come out as they went in, wherever the stream is cut", () => {
    const message = fc.oneof(fc.uint8Array({ maxLength: 5 }), fc.uint8Array({ minLength: 120, maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (messages, cuts) => {
        const stream = Buffer.concat(messages.map(delimit));
        expect(contents(pushInPieces(stream, cuts, 300))).toEqual(
          messages.map((bytes) => Buffer.from(bytes).toString("hex")),
        );
      }),
    );
  });

  it("are cut the same way for any bytes at all, however they arrive", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.array(fc.nat(), { maxLength: 8 }), (bytes, cuts) => {
        const stream = Buffer.from(bytes);
        expect(contents(pushInPieces(stream, cuts, 40))).toEqual(contents(pushInPieces(stream, [], 40)));
      }),
    );
  });

  it("may spell their length with more bytes than it needs", () => {
    const splitter = createMessageSplitter(10);
    expect(contents(splitter.push(Buffer.from([0x81, 0x80, 0x80, 0x80, 0x00, 0xaa])))).toEqual(["aa"]);
  });

  it.each([
    ["a length above the limit", [0x0b], /of 11 bytes is longer than 10/],
    ["a length of 2^63", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], /is longer than 10/],
    ["a length that does not end", Array.from({ length: 11 }, () => 0x80), /takes more than 10 bytes/],
  ])("end at %s, and what follows is dropped", (_, bytes, reason) => {
    const splitter = createMessageSplitter(10);
    const found = splitter.push(Buffer.from([1, 0xaa, ...bytes, 1, 0xbb]));
    expect(contents(found)).toEqual(["aa", expect.stringMatching(reason)]);
    expect(splitter.isLost()).toBe(true);
    expect([...splitter.push(Buffer.from([1, 0xcc])), ...splitter.end()]).toEqual([]);
  });

  it.each([
    ["its length", [0x80]],
    ["its body", [2, 0xaa]],
  ])("tell of a last one that is cut in %s", (_, bytes) => {
    const splitter = createMessageSplitter(10);
    expect(splitter.push(Buffer.from(bytes))).toEqual([]);
    expect(contents(splitter.end())).toEqual(["the last message was cut off"]);
  });
});
