/**
 * What becomes of a field where an export is passed on. `attributes`: goes unless its key is a stamp's. `trace`: a trace id,
 * which may have to be another; `spanTrace`: the same, and the span tells which one it named. `resource`: gets the stamps.
 */
export type Rule = "keep" | "attributes" | "trace" | "spanTrace" | "resource" | Shape;

/**
 * The fields of a message that are passed on, by number. All others are left out: a backend may read in one that is not known
 * here what stamps are to say, as some do in the field that scopes stood in before OpenTelemetry 1.0.
 */
export type Shape = { readonly [field: number]: Rule };

const keep = (...fields: readonly number[]): Shape => Object.fromEntries(fields.map((field) => [field, "keep"]));

/** Field numbers of Resource in opentelemetry/proto/resource/v1/resource.proto. */
export const resourceShape: Shape = { 1: "attributes", ...keep(2, 3) };

const scope: Shape = { ...keep(1, 2, 4), 3: "attributes" };

/** A request of resources that hold scopes that hold items; all signals are built alike. */
const exportOf = (item: Shape): Shape => ({
  1: { 1: "resource", 2: { 1: scope, 2: item, ...keep(3) }, ...keep(3) },
});

const event: Shape = { ...keep(1, 2, 4), 3: "attributes" };
const link: Shape = { 1: "trace", ...keep(2, 3, 5, 6), 4: "attributes" };
const span: Shape = {
  1: "spanTrace",
  ...keep(2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15, 16),
  9: "attributes",
  11: event,
  13: link,
};

/** ExportTraceServiceRequest, by opentelemetry/proto/trace/v1/trace.proto. */
export const tracesShape: Shape = exportOf(span);

const exemplar: Shape = { ...keep(2, 3, 4, 6), 5: "trace", 7: "attributes" };
const number: Shape = { ...keep(2, 3, 4, 6, 8), 5: exemplar, 7: "attributes" };
const histogram: Shape = { ...keep(2, 3, 4, 5, 6, 7, 10, 11, 12), 8: exemplar, 9: "attributes" };
const exponential: Shape = { 1: "attributes", ...keep(2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14), 11: exemplar };
const summary: Shape = { ...keep(2, 3, 4, 5, 6, 8), 7: "attributes" };
const metric: Shape = {
  ...keep(1, 2, 3),
  5: { 1: number },
  7: { 1: number, ...keep(2, 3) },
  9: { 1: histogram, ...keep(2) },
  10: { 1: exponential, ...keep(2) },
  11: { 1: summary },
  12: "attributes",
};

/** ExportMetricsServiceRequest, by opentelemetry/proto/metrics/v1/metrics.proto. */
export const metricsShape: Shape = exportOf(metric);
