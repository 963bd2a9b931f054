/** A host, as URLs write it (an IPv6 address in brackets), and a port. */
export type Endpoint = { readonly host: string; readonly port: number };

const shape = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/@]+):([0-9]{1,5})$/;

const parse = (text: string, lowestPort: number): Endpoint | undefined => {
  const [, host, digits] = shape.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || port < lowestPort || port > 65_535) return undefined;
  return { host: host.toLowerCase(), port };
};

/** Reads `host:port` of what somebody wants to connect to; undefined for anything else. */
export const parseEndpoint = (text: string): Endpoint | undefined => parse(text, 1);

/** A URL's host as sockets take it: an IPv6 address without its brackets. */
export const bareHost = (host: string): string => host.replace(/^\[(.*)\]$/, "$1");

/** Where to connect to or to listen (port 0 for a free one), from a setting, host as sockets take it; throws for anything else. */
export const addressOf = (setting: string): Endpoint => {
  const endpoint = parse(setting, 0);
  if (endpoint === undefined) throw new Error(`"${setting}" is not host:port`);
  return { host: bareHost(endpoint.host), port: endpoint.port };
};
