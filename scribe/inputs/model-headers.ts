import type { IncomingHttpHeaders } from "node:http";

// RFC 9110 7.6.1
const HOP_BY_HOP = [
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
];

// Whatever key a program in the pod holds, it is not ours to pass on.
const CREDENTIALS = ["authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"];
const DROPPED = new Set([...HOP_BY_HOP, ...CREDENTIALS]);
const DROPPED_BY_OWNER = new Set(HOP_BY_HOP);

const namedByConnection = (headers: IncomingHttpHeaders): Set<string> =>
  new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));

const passed = (headers: IncomingHttpHeaders, dropped: ReadonlySet<string>): Record<string, string | string[]> => {
  const named = namedByConnection(headers);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !dropped.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
};

/** The headers that travel on, in either direction. */
export const passedHeaders = (headers: IncomingHttpHeaders): Record<string, string | string[]> =>
  passed(headers, DROPPED);

/** The same where the caller's own credentials are meant for the other side. */
export const passedHeadersWithCredentials = (headers: IncomingHttpHeaders): Record<string, string | string[]> =>
  passed(headers, DROPPED_BY_OWNER);

/** Whether a path belongs to a model route; anything that climbs or hides is not. */
export const isModelPath = (url: string): boolean => {
  const [path = ""] = url.split(/[?#]/, 1);
  if (/\/\.{1,2}(\/|$)|%2e|%2f|\\/i.test(path)) return false;
  return path.startsWith("/openai/v1/") || path.startsWith("/anthropic/v1/");
};
