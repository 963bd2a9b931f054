import { describe, expect, it } from "@jest/globals";
import { createCallLinks } from "./call-links.ts";
import type { OtlpSpan } from "./model.ts";
import { framesFromSpan, type TelemetryEvent } from "./spans-to-frames.ts";

const traceId = "5b8efff798038103d269b633813fc60c";
const spanIdOf = (n: number): string => n.toString(16).padStart(16, "0");
const span = (n: number, parent: number, attributes: Record<string, unknown>): TelemetryEvent => {
  const whole: OtlpSpan = {
    scope: { name: "", version: "", schemaUrl: "", resource: {} },
    traceId,
    spanId: spanIdOf(n),
    parentSpanId: spanIdOf(parent),
    name: "x",
    startNs: 1n,
    endNs: 2n,
    attributes,
    events: [],
    status: { code: "UNSET", message: "" },
  };
  return framesFromSpan(whole)[0] as TelemetryEvent;
};
const chat = (n: number, parent: number, responseId?: string): TelemetryEvent =>
  span(n, parent, {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    ...(responseId === undefined ? {} : { "gen_ai.response.id": responseId }),
  });
const http = (n: number, parent: number): TelemetryEvent => span(n, parent, { "http.request.method": "POST" });
const agent = (n: number, parent: number): TelemetryEvent =>
  span(n, parent, { "gen_ai.operation.name": "invoke_agent" });

const typesOf = (told: readonly TelemetryEvent[]): unknown[] =>
  told.map(({ frame }) => [frame.event_type, frame.payload["observes"]]);

describe("a call of a model that is told more than once", () => {
  it("is one call: the port's, which the spans of SDK and framework observe, by the answer's id", () => {
    const links = createCallLinks();
    links.carried({ eventId: "port", responseId: "resp-1" });
    expect(typesOf([chat(2, 1, "resp-1"), chat(4, 3, "resp-2")].map((one) => links.link(one)))).toEqual([
      ["CHAT", "port"],
      ["MODEL_CALL", undefined],
    ]);
  });

  it("is known by the span that its request named, the SDK's own or that of an HTTP client in it", () => {
    const links = createCallLinks();
    links.carried({ eventId: "direct", trace: { traceId, spanId: spanIdOf(2) } });
    links.carried({ eventId: "by-http", trace: { traceId, spanId: spanIdOf(13) } });
    const told = [chat(2, 1), http(13, 12), chat(12, 11), chat(11, 10), agent(10, 9), chat(9, 8)];
    expect(typesOf(told.map((one) => links.link(one)))).toEqual([
      ["CHAT", "direct"],
      ["X", undefined],
      ["CHAT", "by-http"],
      ["CHAT", "by-http"],
      ["INVOKE_AGENT", undefined],
      ["MODEL_CALL", undefined],
    ]);
  });

  it("is told by the innermost span where nothing carried it, and once more by none that is sent again", () => {
    const links = createCallLinks();
    const told = [chat(3, 2, "r"), chat(2, 1, "r"), chat(3, 2, "r"), chat(2, 1, "r")].map((one) => links.link(one));
    const inner = told[0]?.frame.event_id;
    expect(typesOf(told)).toEqual([
      ["MODEL_CALL", undefined],
      ["CHAT", inner],
      ["MODEL_CALL", undefined],
      ["CHAT", inner],
    ]);
  });

  it("is not taken for that of a stranger, nor for another beside it", () => {
    const links = createCallLinks();
    const told = [
      links.link(chat(3, 2, "r"), "ann"),
      links.link(chat(4, 2, "s"), "ann"),
      links.link(chat(5, 9, "r"), "bob"),
    ];
    expect(told.map(({ frame }) => frame.event_type)).toEqual(["MODEL_CALL", "MODEL_CALL", "MODEL_CALL"]);
  });

  it("is forgotten behind a thousand others", () => {
    const links = createCallLinks();
    links.carried({ eventId: "old", responseId: "old" });
    for (let n = 0; n < 2000; n += 1) links.carried({ eventId: `e${n}`, responseId: `r${n}` });
    expect(typesOf([links.link(chat(2, 1, "old")), links.link(chat(4, 3, "r1999"))])).toEqual([
      ["MODEL_CALL", undefined],
      ["CHAT", "e1999"],
    ]);
  });
});
