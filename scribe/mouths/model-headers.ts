import type { IncomingHttpHeaders } from "node:http";

// Hop by hop (RFC 9110 7.6.1), or a credential: whatever key a program in the pod holds, it is not ours to pass on.
const DROPPED = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "cookie",
]);

const namedByConnection = (headers: IncomingHttpHeaders): Set<string> =>
  new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));

/** The headers that travel on, in either direction. */
export const passedHeaders = (headers: IncomingHttpHeaders): Record<string, string | string[]> => {
  const named = namedByConnection(headers);
  const passed: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !DROPPED.has(name) && !named.has(name)) passed[name] = value;
  }
  return passed;
};

/** Whether a path belongs to a model route; anything that climbs or hides is not. */
export const isModelPath = (url: string): boolean => {
  const [path = ""] = url.split(/[?#]/, 1);
  if (/\/\.{1,2}(\/|$)|%2e|%2f|\\/i.test(path)) return false;
  return path.startsWith("/openai/v1/") || path.startsWith("/anthropic/v1/");
};
