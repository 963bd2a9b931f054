import type { IncomingHttpHeaders } from "node:http";

const loopback = /^(127\.0\.0\.1|localhost)(:\d+)?$/i;

/**
 * Why a request to one of our ports on loopback comes by a browser and not from a program: a page of another site names itself
 * in `Origin` ("null" where it hides), one whose name was pointed to this machine in `Host`. Programs send no `Origin`, except
 * clients of WebSockets, which name the port itself.
 */
export const whyForeign = ({ host, origin }: Pick<IncomingHttpHeaders, "host" | "origin">): string | undefined => {
  if (host !== undefined && !loopback.test(host)) return "this port is called 127.0.0.1 only";
  if (origin !== undefined && URL.parse(origin)?.host !== host) return "this port serves no web page";
  return undefined;
};
