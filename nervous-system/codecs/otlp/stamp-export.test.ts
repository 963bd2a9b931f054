import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { anyTraces, encodeTraces, tracesByOracle } from "#test/builders/otlp-oracle.ts";
import { decodeTraces } from "./decode-traces.ts";
import { metricsShape, tracesShape } from "./export-shapes.ts";
import { stampAttribute } from "./stamp-attributes.ts";
import { stampExport, type Stamp } from "./stamp-export.ts";
import { WireError, wrapField } from "./wire.ts";

const own = "0a".repeat(16);
const foreign = "0f".repeat(16);
const moved = "0e".repeat(16);
const stamp: Stamp = {
  attributes: { "enchanted.namespace": "team-a" },
  traceOf: (traceId) => (traceId === own ? own : moved),
};
const asNamed: Stamp = { ...stamp, traceOf: (traceId) => traceId };

const message = (field: number, ...parts: readonly Buffer[]): Buffer => wrapField(field, Buffer.concat(parts));
const lie = (field: number, key = "enchanted.namespace"): Buffer => stampAttribute(field, key, "victim");
const traceId = (id: string, field = 1): Buffer => wrapField(field, Buffer.from(id, "hex"));
const ofResource = (...parts: readonly Buffer[]): Buffer => message(1, ...parts);
const ofScope = (...parts: readonly Buffer[]): Buffer => ofResource(message(2, ...parts));
const ofSpan = (...parts: readonly Buffer[]): Buffer => ofScope(message(2, ...parts));
const ofMetric = (...parts: readonly Buffer[]): Buffer => ofScope(message(2, ...parts));
/** Field 1000, in which the scopes of ResourceSpans stood once. */
const field1000 = (content: Buffer): Buffer => Buffer.concat([Buffer.of(0xc2, 0x3e, content.length), content]);

describe("any export of spans", () => {
  it("says after stamping what it said before, and whose it is", () => {
    fc.assert(
      fc.property(anyTraces, (request) => {
        const bytes = encodeTraces(request);
        const { request: stamped, moved: count } = stampExport(bytes, tracesShape, asNamed);
        const said = tracesByOracle(bytes).map((span) => ({
          ...span,
          scope: { ...span.scope, resource: { ...span.scope.resource, ...stamp.attributes } },
        }));
        expect(tracesByOracle(stamped)).toEqual(said);
        expect(count).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it("cut anywhere is stamped or refused with a clear error", () => {
    fc.assert(
      fc.property(anyTraces, fc.nat(), (request, at) => {
        const bytes = encodeTraces(request);
        try {
          stampExport(bytes.subarray(0, at % (bytes.length + 1)), tracesShape, stamp);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }),
    );
  });

  it("that would unfold to much more than it is, is refused", () => {
    const spans = Buffer.concat(Array.from({ length: 20_000 }, () => message(2, traceId("0f"))));
    expect(() => stampExport(ofScope(spans), tracesShape, stamp)).toThrow(/send smaller batches/);
  });
});

describe("a program that says to be another's", () => {
  const tricks: ReadonlyArray<[string, Buffer]> = [
    ["in its resource", ofResource(message(1, lie(1)))],
    ["in a resource that it names twice", ofResource(message(1), message(1, lie(1)))],
    ["in its scope", ofScope(message(1, lie(3)))],
    ["in a span", ofSpan(lie(9))],
    ["in an event of a span", ofSpan(message(11, lie(3)))],
    ["in a link of a span", ofSpan(message(13, lie(4)))],
    ["by underscores", ofSpan(lie(9, "enchanted_namespace"))],
    ["by a key that it says twice", ofSpan(message(9, wrapField(1, Buffer.from("a")), lie(9).subarray(2)))],
    ["in a field of an older protocol", ofResource(field1000(message(2, lie(9))))],
    [
      "in fields that nobody knows",
      Buffer.concat([ofSpan(field1000(lie(9))), ofScope(lie(15)), ofResource(lie(14)), lie(13)]),
    ],
  ];
  it.each(tricks)("%s, is told by its token alone", (_, request) => {
    expect(request.includes("victim")).toBe(true);
    const stamped = stampExport(request, tracesShape, stamp).request;
    expect(stamped.includes("victim")).toBe(false);
    expect(stamped.includes("team-a")).toBe(true);
  });

  it("in what it measures, is told by its token alone", () => {
    const points = [message(5, message(1, lie(7))), message(7, message(1, lie(7))), message(9, message(1, lie(9)))];
    const more = [message(10, message(1, lie(1))), message(11, message(1, lie(7))), lie(12)];
    const exemplar = message(5, message(1, message(5, lie(7), traceId(foreign, 5))));
    const request = ofMetric(wrapField(1, Buffer.from("sheep")), ...points, ...more, exemplar);
    const { request: stamped } = stampExport(request, metricsShape, stamp);
    for (const gone of ["victim", Buffer.from(foreign, "hex")]) expect(stamped.includes(gone)).toBe(false);
    for (const there of ["sheep", "team-a", Buffer.from(moved, "hex")]) expect(stamped.includes(there)).toBe(true);
  });
});

describe("a span of a trace that is not its sender's", () => {
  it("goes on in another trace, and says which one it named; one of its sender's stays as it is", () => {
    const request = Buffer.concat([ofSpan(traceId(own)), ofSpan(traceId(foreign))]);
    const { request: stamped, moved: count } = stampExport(request, tracesShape, stamp);
    expect(decodeTraces(stamped).map((span) => [span.traceId, span.attributes])).toEqual([
      [own, {}],
      [moved, { "enchanted.trace_id": foreign }],
    ]);
    expect(count).toBe(1);
  });

  it("is known by what it says last, and so are links", () => {
    const twice = Buffer.concat([traceId(own), traceId(foreign)]);
    const { request: stamped } = stampExport(ofSpan(twice, message(13, twice)), tracesShape, stamp);
    expect(stamped.includes(Buffer.from(foreign, "hex"))).toBe(false);
    expect(decodeTraces(stamped)[0]?.traceId).toBe(moved);
  });
});
