import { mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { run, tryRun } from "../process/run.ts";
import { node, type Layout } from "./layout.ts";

const FORWARDING = "/proc/sys/net/ipv4/ip_forward";
const CHAIN = "ENCHANTED-POSTROUTING";

const savedForwarding = (layout: Layout): string => join(layout.state, "ip_forward.before");

/** Pods reach the world under the node's address: jump and chain, as iptables-restore reads them. */
const renderMasquerade = (): string =>
  [
    "*nat",
    `:${CHAIN} - [0:0]`,
    `-A ${CHAIN} -s ${node.podRange} ! -d ${node.podRange} -j MASQUERADE`,
    "COMMIT",
    "",
  ].join("\n");

type Tool = "iptables" | "ip6tables";

const ensureJump = async (table: string, from: string, to: string, tool: Tool = "iptables"): Promise<void> => {
  const rule = [from, "-j", to];
  const present = await tryRun([tool, "-w", "-t", table, "-C", ...rule]);
  if (present.code !== 0) await run([tool, "-w", "-t", table, "-I", ...rule]);
};

/** Makes the node's link and address, routing between pods, and the pods' way out. */
export const ensureNodeNetwork = async (layout: Layout): Promise<void> => {
  if ((await tryRun(["ip", "link", "show", node.link])).code !== 0) {
    await run(["ip", "link", "add", node.link, "type", "bridge"]);
  }
  await run(["ip", "address", "replace", `${node.address}/32`, "dev", node.link]);
  await run(["ip", "link", "set", node.link, "up"]);
  await mkdir(layout.state, { recursive: true });
  if (!existsSync(savedForwarding(layout))) {
    await writeFile(savedForwarding(layout), await readFile(FORWARDING, "utf8"));
  }
  await writeFile(FORWARDING, "1");
  await run(["iptables-restore", "-w", "--noflush"], { input: renderMasquerade() });
  await ensureJump("nat", "POSTROUTING", CHAIN);
};

/** Puts a chain of ours first into a chain of the kernel. */
export const ensureChainJump = ensureJump;

/** Removes a chain of ours and every jump to it; nothing happens when it is not there. */
export const removeChain = async (
  table: string,
  from: string,
  chain: string,
  tool: Tool = "iptables",
): Promise<void> => {
  const iptables = [tool, "-w", "-t", table];
  while ((await tryRun([...iptables, "-D", from, "-j", chain])).code === 0);
  await tryRun([...iptables, "-F", chain]);
  await tryRun([...iptables, "-X", chain]);
};

/** Takes back what ensureNodeNetwork made. */
export const removeNodeNetwork = async (layout: Layout): Promise<void> => {
  await removeChain("nat", "POSTROUTING", CHAIN);
  await tryRun(["ip", "link", "delete", node.link]);
  const before = await readFile(savedForwarding(layout), "utf8").catch(() => undefined);
  if (before !== undefined) await writeFile(FORWARDING, before);
};
