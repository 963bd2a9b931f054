import { ROOT_CONTEXT, isSpanContextValid, trace, type Context, type Span } from "@opentelemetry/api";

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The context that a W3C `traceparent` names as its remote parent; the root context when it is missing or malformed. */
export const contextFromTraceparent = (traceparent: string | undefined): Context => {
  const [, traceId = "", spanId = "", flags = "00"] = pattern.exec(traceparent?.trim() ?? "") ?? [];
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(spanContext) ? trace.setSpanContext(ROOT_CONTEXT, spanContext) : ROOT_CONTEXT;
};

/** The W3C `traceparent` that makes a child of `span`; undefined for a span that belongs to no trace. */
export const traceparentOf = (span: Span): string | undefined => {
  const context = span.spanContext();
  if (!isSpanContextValid(context)) return undefined;
  return `00-${context.traceId}-${context.spanId}-${context.traceFlags.toString(16).padStart(2, "0")}`;
};
