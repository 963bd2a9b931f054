import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { renderSocketFrame, type SocketFrame } from "#test/builders/socket-frame.ts";
import { createMessageReader } from "./message-reader.ts";

const text = (body: string | Buffer, more: Partial<SocketFrame> = {}): SocketFrame => ({
  opcode: 1,
  body: Buffer.from(body),
  ...more,
});

const read = (frames: readonly SocketFrame[], maxBytes = 1_000_000, pieceBytes = Infinity) => {
  const reader = createMessageReader(maxBytes);
  const bytes = Buffer.concat(frames.map(renderSocketFrame));
  const messages = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    messages.push(...reader.push(bytes.subarray(at, at + pieceBytes)));
  return messages;
};

describe("the reader of a WebSocket", () => {
  it("finds every message again, however it is masked, cut into frames and chunks", () => {
    const message = fc.record({
      said: fc.oneof(fc.string({ unit: "grapheme" }), fc.constant("é".repeat(100)), fc.constant("x".repeat(70_000))),
      mask: fc.option(fc.nat(0xffff_ffff), { nil: undefined }),
      cut: fc.nat(40),
      pings: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.integer({ min: 1, max: 3000 }), (messages, pieceBytes) => {
        const frames = messages.flatMap(({ said, mask, cut, pings }): SocketFrame[] => {
          const body = Buffer.from(said);
          const first = text(body.subarray(0, cut), { isLast: false, mask });
          const between = pings ? [text("are you there", { opcode: 9, mask })] : [];
          return [first, ...between, text(body.subarray(cut), { opcode: 0, mask })];
        });
        const read_ = read(frames, 1_000_000, pieceBytes).filter(({ kind }) => kind === "text");
        expect(read_.map((one) => one.text)).toEqual(messages.map(({ said }) => said));
      }),
      { numRuns: 100 },
    );
  });

  it("keeps its place behind a message over its bound, of which it tells nothing more", () => {
    const frames = [text("x".repeat(11)), text("12345", { isLast: false }), text("678901", { opcode: 0 }), text("ok")];
    expect(read(frames, 10)).toEqual([
      { kind: "text", text: undefined },
      { kind: "text", text: undefined },
      { kind: "text", text: "ok" },
    ]);
  });

  it("tells the kinds apart", () => {
    const frames = [
      text("b", { opcode: 2 }),
      text("", { opcode: 8 }),
      text("p", { opcode: 9 }),
      text("q", { opcode: 10 }),
    ];
    expect(read(frames)).toEqual([
      { kind: "binary", text: undefined },
      { kind: "close", text: "" },
      { kind: "ping", text: "p" },
      { kind: "pong", text: "q" },
    ]);
  });
});
