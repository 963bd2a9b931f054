import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { bareHost, type Endpoint } from "#nervous-system/kernel/endpoint.ts";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";

/** Which addresses beside public ones the gateway may connect to. */
export type AddressPolicy = {
  /** RFC 1918, unique-local and shared address space: where in-cluster models and forges live. */
  readonly allowPrivate: boolean;
  readonly allowLoopback: boolean;
  /** Networks of the cluster that have public addresses: they count as private. */
  readonly clusterRanges?: readonly Range[] | undefined;
  /** The private networks that may be reached although `allowPrivate` is not set. */
  readonly allowRanges?: readonly Range[] | undefined;
};

/** A network: its address, and how many leading bits are fixed. */
export type Range = ReturnType<typeof ipaddr.parseCIDR>;

/** Reads networks as `10.0.0.0/8,fd00::/8` lists them; undefined where one is none. */
export const parseRanges = (list: string): Range[] | undefined => {
  const ranges = list.split(",").filter((range) => range !== "");
  return ranges.every((range) => ipaddr.isValidCIDR(range))
    ? ranges.map((range) => ipaddr.parseCIDR(range))
    : undefined;
};

/** The addresses to connect to, resolved once, so that a name cannot point elsewhere a moment later. */
export type ResolvedTarget = {
  readonly addresses: ReadonlyArray<{ readonly address: string; readonly family: number }>;
  readonly host: string;
  readonly port: number;
};

type Address = ReturnType<typeof ipaddr.parse>;

const RESERVED = "is link-local, multicast or reserved";

// Metadata services of clouds beyond link-local: Alibaba, Azure, AWS, Google, Oracle, Scaleway, Akamai. Nothing good is there, so
// no setting opens them.
const metadata =
  `100.100.100.200/32 168.63.129.16/32 fd00:ec2::/32 fd20:ce::254/128 fd00:c1::a9fe:a9fe/128 fd00:42::42/128
  fd00:a9fe:a9fe::1/128 fd00:100::100:200/128`
    .split(/\s+/)
    .map((net) => ipaddr.parseCIDR(net));

const isIn = (address: Address, ranges: readonly Range[]): boolean =>
  ranges.some((range) => range[0].kind() === address.kind() && address.match(range));

const ipv4 = (bytes: readonly number[]): Address => new ipaddr.IPv4([...bytes]);

// All that is given out for the internet (RFC 4291, 2.4); the library calls every address without a name of its own "unicast".
const globalUnicast = ipaddr.parseCIDR("2000::/3");

const isGlobal = (address: Address): boolean => address.kind() === "ipv4" || address.match(globalUnicast);

// A network's own NAT64 puts the address behind 48, 56, 64 or 96 bits (RFC 6052, 2.2), nobody else knows which: each counts,
// but for those in 0.0.0.0/8, which lead nowhere and are what the prefix looks like where the address stands at the end.
const ownNat64 = (b: readonly number[]): Address[] => {
  const earlier = [
    [6, 7, 9, 10],
    [7, 9, 10, 11],
    [9, 10, 11, 12],
  ].map((places) => places.map((at) => b[at] ?? 0));
  return [...earlier.filter(([first]) => first !== 0), b.slice(12)].map(ipv4);
};

/** Where a packet to an address goes in the end: the IPv4 addresses in one of transition, or the address itself. */
const destinations = (address: Address): readonly Address[] => {
  if (address.kind() === "ipv4") return [address];
  const bytes = address.toByteArray();
  switch (address.range()) {
    case "6to4":
      return [ipv4(bytes.slice(2, 6))];
    case "teredo":
      return [ipv4(bytes.slice(12).map((byte) => byte ^ 0xff))];
    case "rfc6052":
      return bytes[5] === 1 ? ownNat64(bytes) : [ipv4(bytes.slice(12))];
    case "ipv4Mapped":
    case "rfc6145":
      return [ipv4(bytes.slice(12))];
    case "unicast":
      // "IPv4-compatible", which RFC 4291 gave up and some systems still send to.
      return bytes.slice(0, 12).every((byte) => byte === 0) ? [ipv4(bytes.slice(12))] : [address];
    default:
      return [address];
  }
};

const rangeOf = (address: Address, { clusterRanges = [] }: AddressPolicy): string => {
  if (isIn(address, metadata)) return "reserved";
  const range = address.range();
  return range === "unicast" && isGlobal(address) && isIn(address, clusterRanges) ? "private" : range;
};

const mayBePrivate = (address: Address, { allowPrivate, allowRanges = [] }: AddressPolicy): boolean =>
  allowPrivate || isIn(address, allowRanges);

const judge = (address: Address, policy: AddressPolicy): string | undefined => {
  switch (rangeOf(address, policy)) {
    case "unicast":
      return isGlobal(address) ? undefined : RESERVED;
    case "loopback":
      return policy.allowLoopback ? undefined : "is a loopback address";
    case "private":
    case "carrierGradeNat":
    case "uniqueLocal":
      return mayBePrivate(address, policy)
        ? undefined
        : "is a private address; list it in gateway.allowRanges to reach endpoints inside the cluster";
    default:
      return RESERVED;
  }
};

/** Why an address must not be connected to; undefined where it may. */
export const judgeAddress = (address: string, policy: AddressPolicy): string | undefined =>
  ipaddr.isValid(address)
    ? destinations(ipaddr.parse(address))
        .map((destination) => judge(destination, policy))
        .find((why) => why !== undefined)
    : RESERVED;

/** Resolves names; the machine's resolver outside of tests of names. */
export type Resolve = (host: string) => Promise<ReadonlyArray<{ readonly address: string; readonly family: number }>>;

/** The machine's resolver, IPv4 first. */
export const systemResolve: Resolve = (host) => lookup(host, { all: true, order: "ipv4first" });

/** Resolves a host once and takes its addresses, if every one of them is allowed. */
export const resolveTarget = async (
  target: Endpoint,
  policy: AddressPolicy,
  resolve: Resolve = systemResolve,
): Promise<Granted<ResolvedTarget>> => {
  const host = bareHost(target.host);
  let addresses: Awaited<ReturnType<Resolve>>;
  try {
    addresses = isIP(host) === 0 ? await resolve(host) : [{ address: host, family: isIP(host) }];
  } catch {
    return refused(502, "name_not_resolved", `the host name "${host}" does not resolve: check the address`);
  }
  if (addresses.length === 0) return refused(502, "name_not_resolved", `the host name "${host}" has no address`);
  for (const { address } of addresses) {
    const why = judgeAddress(address, policy);
    if (why !== undefined) return refused(403, "address_not_allowed", `"${host}" (${address}) ${why}`);
  }
  return granted({ addresses, host, port: target.port });
};
