import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";

/** Which addresses beside public ones the gateway may connect to. */
export type AddressPolicy = {
  /** RFC 1918, unique-local and shared address space: where in-cluster models and forges live. */
  readonly allowPrivate: boolean;
  readonly allowLoopback: boolean;
};

/** An address to connect to, resolved once, so that a name cannot point elsewhere a moment later. */
export type ResolvedTarget = {
  readonly address: string;
  readonly family: 4 | 6;
  readonly host: string;
  readonly port: number;
};

const listOf = (...subnets: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [net = "", bits] = subnet.split("/");
    list.addSubnet(net, Number(bits), isIP(net) === 6 ? "ipv6" : "ipv4");
  }
  return list;
};

// Link-local holds the metadata services of clouds; nothing good is there, so no setting opens it.
const never = listOf(
  "0.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/128",
  "fe80::/10",
  "ff00::/8",
  "fd00:ec2::/32",
  // Metadata services beyond link-local (Alibaba, Azure, Oracle), and link-local behind NAT64.
  "100.100.100.200/32",
  "168.63.129.16/32",
  "192.0.0.0/24",
  "64:ff9b::a9fe:0/112",
);
const loopback = listOf("127.0.0.0/8", "::1/128");
const privateNets = listOf("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7");

// ::ffff:a.b.c.d is the IPv4 address in another dress.
const unmapped = (address: string): string => /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address;

/** Why an address must not be connected to; undefined where it may. */
export const judgeAddress = (address: string, policy: AddressPolicy): string | undefined => {
  const plain = unmapped(address);
  const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
  if (never.check(plain, family)) return "is link-local, multicast or reserved";
  if (!policy.allowLoopback && loopback.check(plain, family)) return "is a loopback address";
  if (!policy.allowPrivate && privateNets.check(plain, family))
    return "is a private address; set gateway.allowPrivate to reach endpoints inside the cluster";
  return undefined;
};

/** Resolves names; the machine's resolver outside of tests of names. */
export type Resolve = (host: string) => Promise<ReadonlyArray<{ readonly address: string; readonly family: number }>>;

/** The machine's resolver, IPv4 first. */
export const systemResolve: Resolve = (host) => lookup(host, { all: true, order: "ipv4first" });

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1");

/** Resolves a host once and takes its first address, if every address of it is allowed. */
export const resolveTarget = async (
  target: { readonly host: string; readonly port: number },
  policy: AddressPolicy,
  resolve: Resolve = systemResolve,
): Promise<Granted<ResolvedTarget>> => {
  const host = withoutBrackets(target.host);
  let addresses: Awaited<ReturnType<Resolve>>;
  try {
    addresses = isIP(host) === 0 ? await resolve(host) : [{ address: host, family: isIP(host) }];
  } catch {
    return refused(502, "name_not_resolved", `the host name "${host}" does not resolve: check the address`);
  }
  const [first] = addresses;
  if (first === undefined) return refused(502, "name_not_resolved", `the host name "${host}" has no address`);
  for (const { address } of addresses) {
    const why = judgeAddress(address, policy);
    if (why !== undefined) return refused(403, "address_not_allowed", `"${host}" (${address}) ${why}`);
  }
  return granted({ address: first.address, family: first.family === 6 ? 6 : 4, host, port: target.port });
};
