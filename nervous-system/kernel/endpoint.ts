/** A host and port that someone wants a tunnel to. */
export type Endpoint = { readonly host: string; readonly port: number };

/** The target of a CONNECT request, `host:port`. */
export const parseAuthority = (authority: string): Endpoint | undefined => {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/@]+):([0-9]{1,5})$/.exec(authority) ?? [];
  const number = Number(port);
  if (host === undefined || number < 1 || number > 65_535) return undefined;
  return { host: host.toLowerCase(), port: number };
};
