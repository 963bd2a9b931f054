import ipaddr from "ipaddr.js";
import { node } from "../layout.ts";

/** One of the two protocols of the internet, as the filter needs to know it. */
export type Family = {
  readonly kind: "ipv4" | "ipv6";
  readonly tool: "iptables" | "ip6tables";
  /** Every address there is. */
  readonly anywhere: string;
  /** Length of a prefix that is one address. */
  readonly bits: number;
  /** Matches what pods send, and what is sent to them. */
  readonly fromPods: string;
  readonly toPods: string;
  /** What a node must hear from anybody on its links: by these a neighbour's address is found. */
  readonly neighbours: readonly string[];
};

// Pods have no IPv6 addresses from us. Whatever else has one behind a pod's link (`veth…`, made by the ptp plugin) is judged.
const podLinks = "veth+";

/** Both, in the order in which their rules are set. */
export const families: readonly Family[] = [
  {
    kind: "ipv4",
    tool: "iptables",
    anywhere: "0.0.0.0/0",
    bits: 32,
    fromPods: `-s ${node.podRange}`,
    toPods: `-d ${node.podRange}`,
    neighbours: [],
  },
  {
    kind: "ipv6",
    tool: "ip6tables",
    anywhere: "::/0",
    bits: 128,
    fromPods: `-i ${podLinks}`,
    toPods: `-o ${podLinks}`,
    neighbours: ["neighbour-solicitation", "neighbour-advertisement"].map(
      (type) => `-p icmpv6 --icmpv6-type ${type} -j RETURN`,
    ),
  },
];

/** Whether an address, or a range of addresses, is of the family. */
export const isOf = ({ kind }: Family, range: string): boolean => {
  const [address = ""] = range.split("/");
  return ipaddr.isValid(address) && ipaddr.parse(address).kind() === kind;
};

/** A range by its first address, as a number, and how many leading bits are fixed. */
type Net = { readonly first: bigint; readonly fixed: number };

const parse = (cidr: string): Net => {
  const [address, fixed] = ipaddr.parseCIDR(cidr);
  const bytes = address.toByteArray();
  const width = BigInt(bytes.length * 8 - fixed);
  const number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return { first: (number >> width) << width, fixed };
};

const format = ({ first, fixed }: Net, bits: number): string => {
  const bytes = Array.from({ length: bits / 8 }, (_, at) => Number((first >> BigInt(bits - 8 * (at + 1))) & 255n));
  return `${ipaddr.fromByteArray(bytes).toString()}/${fixed}`;
};

const holds = (outer: Net, inner: Net, bits: number): boolean =>
  outer.fixed <= inner.fixed && (outer.first ^ inner.first) >> BigInt(bits - outer.fixed) === 0n;

// A range is halved until the hole is a half of its own: what is left is one range for each bit between the two lengths.
const without = (net: Net, hole: Net, bits: number): Net[] => {
  if (holds(hole, net, bits)) return [];
  if (!holds(net, hole, bits)) return [net];
  const fixed = net.fixed + 1;
  const halves = [net.first, net.first | (1n << BigInt(bits - fixed))].map((first) => ({ first, fixed }));
  return halves.flatMap((half) => without(half, hole, bits));
};

/** The ranges that a range is without its exceptions; those of another family take nothing away. */
export const subtract = (family: Family, cidr: string, except: readonly string[]): string[] => {
  if (except.length === 0) return [cidr];
  const holes = except.filter((range) => isOf(family, range)).map(parse);
  const left = holes.reduce<Net[]>(
    (nets, hole) => nets.flatMap((net) => without(net, hole, family.bits)),
    [parse(cidr)],
  );
  return left.map((net) => format(net, family.bits));
};
