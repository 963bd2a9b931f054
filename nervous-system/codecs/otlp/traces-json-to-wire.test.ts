import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { anyTraces, encodeTraces, renderOtlpJson } from "#test/builders/otlp-oracle.ts";
import { decodeTraces } from "./decode-traces.ts";
import { tracesJsonToWire } from "./traces-json-to-wire.ts";
import { WireError } from "./wire.ts";

describe("spans in JSON, written as protobuf", () => {
  it("are the same spans", () => {
    fc.assert(
      fc.property(anyTraces, (request) => {
        expect(decodeTraces(tracesJsonToWire(renderOtlpJson(request)))).toEqual(decodeTraces(encodeTraces(request)));
      }),
    );
  });

  it("keep links, kinds and flags, which no frame needs", () => {
    const span = { name: "n", kind: "SPAN_KIND_SERVER", flags: 257, links: [{ traceId: "0a".repeat(16) }] };
    const wire = tracesJsonToWire(
      Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })),
    );
    expect(wire.includes(Buffer.from([6 * 8, 2]))).toBe(true);
    expect(wire.includes(Buffer.from("0a".repeat(16), "hex"))).toBe(true);
    expect(wire.subarray(-5).readUInt32LE(1) === 257 || wire.includes(Buffer.from([1, 1, 0, 0]))).toBe(true);
  });

  it.each([
    ["is no JSON", "{"],
    ["is a list", "[]"],
    ["has a text for a message", '{"resourceSpans":["x"]}'],
    ["has an id that is not hex", '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}'],
    [
      "has a kind that every object inherits",
      '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"constructor"}]}]}]}',
    ],
    ["has a time that is none", '{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"soon"}]}]}]}'],
  ])("are refused when the text %s", (_, json) => {
    expect(() => tracesJsonToWire(Buffer.from(json))).toThrow(WireError);
  });
});
