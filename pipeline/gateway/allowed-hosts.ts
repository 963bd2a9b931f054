import { allowedHostPattern, hostNamePattern } from "#nervous-system/schemas/resources/egress.ts";
import type { Endpoint } from "#nervous-system/kernel/endpoint.ts";

type AllowedHost = Endpoint & { readonly below: boolean };

const defaultPort = 443;
const entryShape = new RegExp(allowedHostPattern);
const hostName = new RegExp(`^${hostNamePattern}$`);

/** What an entry of `egress.allowHosts` means; undefined for what the API server would have refused. */
const parseAllowedHost = (entry: string): AllowedHost | undefined => {
  const [, wildcard, host] = entryShape.exec(entry) ?? [];
  if (host === undefined) return undefined;
  const below = wildcard !== undefined;
  const port = entry.slice((wildcard ?? "").length + host.length + 1);
  return { below, host, port: port === "" ? defaultPort : Number(port) };
};

const covers = ({ below, host, port }: AllowedHost, wanted: Endpoint): boolean =>
  port === wanted.port && (below ? wanted.host.endsWith(`.${host}`) : wanted.host === host);

/**
 * The endpoint to connect to, if one of the entries allows what is wanted. Only names pass, as they are spelt in ASCII: no
 * address in any notation, and a name with the root's dot behind it is the same name.
 */
export const findAllowed = (allowHosts: readonly string[], wanted: Endpoint): Endpoint | undefined => {
  const endpoint = { host: wanted.host.replace(/\.$/, ""), port: wanted.port };
  if (!hostName.test(endpoint.host)) return undefined;
  const isAllowed = allowHosts.some((entry) => {
    const allowed = parseAllowedHost(entry);
    return allowed !== undefined && covers(allowed, endpoint);
  });
  return isAllowed ? endpoint : undefined;
};
