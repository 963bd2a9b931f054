import type { TraceIds } from "#nervous-system/recorder/identity.ts";
import type { Host } from "../host.ts";

const pattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The trace that the program belongs to: the one that we were started in, or a new one. */
export const traceFor = (host: Host): { ids: TraceIds; traceparent: string } => {
  const given = host.env["TRACEPARENT"]?.trim() ?? "";
  const [, traceId, spanId] = pattern.exec(given) ?? [];
  if (traceId !== undefined && spanId !== undefined) return { ids: { traceId, spanId }, traceparent: given };
  const ids = { traceId: host.randomHex(16), spanId: host.randomHex(8) };
  return { ids, traceparent: `00-${ids.traceId}-${ids.spanId}-01` };
};
