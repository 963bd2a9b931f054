import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import protobuf from "protobufjs";
import { splitTraces } from "./split-traces.ts";
import { WireError } from "./wire.ts";

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { bytes resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
  message ScopeSpans { bytes scope = 1; repeated bytes spans = 2; string schema_url = 3; }
`);
const Request = root.lookupType("Request");

type Tree = { resourceSpans: Array<{ resource: Buffer; scopeSpans: Array<{ scope: Buffer; spans: Buffer[] }> }> };

const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength }).map((array) => Buffer.from(array));
const trees: fc.Arbitrary<Tree> = fc.record({
  resourceSpans: fc.array(
    fc.record({
      resource: bytes(8),
      scopeSpans: fc.array(fc.record({ scope: bytes(8), spans: fc.array(bytes(40), { maxLength: 12 }) }), {
        maxLength: 4,
      }),
    }),
    { maxLength: 4 },
  ),
});

const encode = (tree: Tree): Buffer => Buffer.from(Request.encode(Request.fromObject(tree)).finish());
const decode = (request: Buffer): Tree => Request.decode(request) as unknown as Tree;

/** Every span with what stands around it, in order. */
const spansOf = (tree: Tree): string[] =>
  tree.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => [resource, scope, span].map((part) => Buffer.from(part).toString("hex")).join("/")),
    ),
  );

const LARGEST_ALONE = 40 + 8 + 8 + 12; // a span, its resource and its scope, with their tags and lengths

describe("a request of spans that is too large for one message", () => {
  it("comes apart into requests that hold the same spans under the same resource and scope", () => {
    fc.assert(
      fc.property(trees, fc.integer({ min: LARGEST_ALONE, max: 400 }), (tree, max) => {
        const parts = splitTraces(encode(tree), max);
        expect(parts.flatMap((part) => spansOf(decode(part)))).toEqual(spansOf(tree));
        for (const part of parts) expect(part.length).toBeLessThanOrEqual(max);
      }),
    );
  });

  it("keeps a single span that is larger", () => {
    const span = Buffer.alloc(500, 7);
    const tree = {
      resourceSpans: [{ resource: Buffer.from("r"), scopeSpans: [{ scope: Buffer.from("s"), spans: [span] }] }],
    };
    expect(splitTraces(encode(tree), 100).flatMap((part) => spansOf(decode(part)))).toEqual(spansOf(tree));
  });

  it("is refused when its parts would be much more than it", () => {
    const spans = Array.from({ length: 1_000 }, () => Buffer.alloc(40));
    const tree = { resourceSpans: [{ resource: Buffer.alloc(300), scopeSpans: [{ scope: Buffer.from("s"), spans }] }] };
    expect(() => splitTraces(encode(tree), 400)).toThrow(/share takes 3\d\d of \d+ bytes/);
    const without = Buffer.concat([
      Buffer.from([0x0a, 0x80, 0x89, 0x7a]),
      Buffer.alloc(2_000_000, Buffer.from([0x12, 0])),
    ]);
    expect(() => splitTraces(without, 100)).toThrow(/more than \d+ values/);
  });

  it("is refused when it is malformed", () => {
    expect(() =>
      splitTraces(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f, ...Array.from({ length: 200 }, () => 1)]), 100),
    ).toThrow(WireError);
  });
});
