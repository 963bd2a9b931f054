import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { createWatchDecoder } from "#nervous-system/kubernetes/watch-stream.ts";

describe("watch decoder", () => {
  it("finds the same events wherever the stream is cut, even inside a character", () => {
    const event = fc.record({
      type: fc.constant("ADDED"),
      object: fc.record({ text: fc.string({ unit: "grapheme" }) }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), fc.array(fc.nat(400), { maxLength: 12 }), (events, cuts) => {
        const bytes = Buffer.from(events.map((e) => `${JSON.stringify(e)}\n`).join(""));
        const seen: unknown[] = [];
        const decode = createWatchDecoder((e) => seen.push(e));
        const edges = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].toSorted((a, b) => a - b);
        edges.slice(1).forEach((edge, i) => decode(bytes.subarray(edges[i], edge)));
        expect(seen).toEqual(events);
      }),
    );
  });

  it("does not take a line without its end for an event", () => {
    const seen: unknown[] = [];
    createWatchDecoder((e) => seen.push(e))(Buffer.from('{"type":"ADDED","object":{}}'));
    expect(seen).toEqual([]);
  });

  it("throws on what is not JSON, so that the watch ends instead of losing an event", () => {
    const decode = createWatchDecoder(() => undefined);
    expect(() => decode(Buffer.from("<html>\n"))).toThrow("JSON");
  });
});
