import ipaddr from "ipaddr.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy that a call goes by: the variable that names it, and its URL; undefined where that is none that speaks HTTP. */
export type ChosenProxy = { variable: string; href: string | undefined };

const isWithin = (host: string, network: string): boolean => {
  if (!ipaddr.isValid(host) || !ipaddr.isValidCIDR(network)) return false;
  const [address, [first, bits]] = [ipaddr.parse(host), ipaddr.parseCIDR(network)];
  return address.kind() === first.kind() && address.match(first, bits);
};

const isNamed = (host: string, written: string): boolean => {
  const entry = written.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  if (entry.startsWith("*.")) return host.endsWith(entry.slice(1));
  const name = entry.replace(/^\./, "");
  return host === name || host.endsWith(`.${name}`) || isWithin(host, entry);
};

/** By every rule that curl, Python's clients or Node have: what one of them asks directly must not pass a proxy, key and all. */
const isDirect = ({ hostname, port, protocol }: URL, env: Environment): boolean => {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const end = `:${port || (protocol === "http:" ? 80 : 443)}`;
  const entries = (env["no_proxy"] || env["NO_PROXY"] || "").toLowerCase().split(/[\s,]+/);
  return entries.some(
    (entry) =>
      entry === "*" ||
      (entry !== "" && isNamed(host, entry)) ||
      (entry.endsWith(end) && isNamed(host, entry.slice(0, -end.length))),
  );
};

/** A proxy may be written without a scheme, and its password with a bare percent sign, which Node does not take. */
const httpProxy = (written: string): string | undefined => {
  const whole = written.includes("://") ? written : `http://${written}`;
  const url = URL.parse(whole.replaceAll(/%(?![0-9a-f]{2})/gi, "%25"));
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : undefined;
};

/** The proxy that a program started in `env` asks `url` by; undefined where it asks directly. */
export const proxyFor = (url: URL, env: Environment): ChosenProxy | undefined => {
  const ofScheme = `${url.protocol.replace(":", "")}_proxy`;
  const names = [ofScheme, ofScheme.toUpperCase(), "all_proxy", "ALL_PROXY"];
  const variable = names.find((name) => (env[name] ?? "") !== "");
  if (variable === undefined || isDirect(url, env)) return undefined;
  return { variable, href: httpProxy(env[variable] ?? "") };
};
