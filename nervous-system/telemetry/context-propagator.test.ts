import { describe, expect, it } from "@jest/globals";
import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { contextFromTraceparent, traceparentOf } from "#nervous-system/telemetry/context-propagator.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe("traceparent", () => {
  it("comes back as it went in", () => {
    const span = trace.getSpan(contextFromTraceparent(traceparent));
    expect(span === undefined ? undefined : traceparentOf(span)).toBe(traceparent);
  });

  it.each([
    undefined,
    "",
    "garbage",
    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
  ])("makes a root of %p", (broken) => {
    expect(contextFromTraceparent(broken)).toBe(ROOT_CONTEXT);
  });
});
