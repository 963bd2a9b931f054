/*
 * Two pods on links of their own behind one node, as the embedded platform has them, in a network namespace that this process is
 * started in. Prints as JSON who reaches whom: before the filter, while it knows nobody, under the chart's policy, and without it again.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { label } from "#nervous-system/schemas/names.ts";
import { confinementOf } from "#operator/pod/confinement.ts";
import type { NetworkSnapshot, PodView, PolicyView } from "#platform/cluster/packet-filter/model.ts";
import { applySnapshot, closePacketFilter, removePacketFilter } from "#platform/cluster/packet-filter/packet-filter.ts";
import { run } from "#platform/process/run.ts";
import { waitFor } from "#platform/process/wait.ts";

type StagePod = { name: string; pid: number; ips: readonly string[]; labels: Record<string, string> };

const gateways = ["10.244.0.1", "fd00:244::1"];

const inside = (pid: number, ...command: string[]): string[] => ["nsenter", `--target=${pid}`, "--net", ...command];

const addPod = async (name: string, ips: readonly string[], labels: Record<string, string>): Promise<StagePod> => {
  const holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
  await once(holder, "spawn");
  const pid = holder.pid ?? 0;
  const link = `veth${name}`;
  await run(["ip", "link", "add", link, "type", "veth", "peer", "name", `p${name}`]);
  // Until it has a network of its own, moving the link there would leave it here.
  const own = await readlink("/proc/self/ns/net");
  await waitFor("a network of its own", async () => (await readlink(`/proc/${pid}/ns/net`)) !== own, {
    timeoutMs: 10_000,
  });
  await run(["ip", "link", "set", `p${name}`, "netns", String(pid), "name", "eth0"]);
  await run(["ip", "link", "set", link, "up"]);
  await run(inside(pid, "ip", "link", "set", "eth0", "up"));
  for (const [at, ip] of ips.entries()) {
    const gateway = gateways[at] ?? "";
    const [family, bits] = ip.includes(":") ? ["-6", 128] : ["-4", 32];
    const nodad = family === "-6" ? ["nodad"] : [];
    await run(["ip", family, "address", "add", `${gateway}/${bits}`, "dev", link, ...nodad]);
    await run(["ip", family, "route", "replace", `${ip}/${bits}`, "dev", link]);
    await run(inside(pid, "ip", family, "address", "add", `${ip}/${bits}`, "dev", "eth0", ...nodad));
    await run(inside(pid, "ip", family, "route", "add", `${gateway}/${bits}`, "dev", "eth0"));
    await run(inside(pid, "ip", family, "route", "add", "default", "via", gateway));
  }
  return { name, pid, ips, labels };
};

const serve = async ({ pid }: StagePod, ports: readonly number[]): Promise<void> => {
  const script = `for (const port of ${JSON.stringify(ports)}) require("net").createServer((s) => s.end()).listen(port, "::", () => console.log(port))`;
  const [command = "", ...args] = inside(pid, process.execPath, "-e", script);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let up = 0;
  for await (const chunk of child.stdout) {
    up += String(chunk).trim().split("\n").length;
    if (up === ports.length) return;
  }
};

const reach = async ({ pid }: StagePod, targets: ReadonlyArray<readonly [string, number]>): Promise<string[]> => {
  const script = `
    const ask = ([host, port]) => new Promise((resolve) => {
      const socket = require("net").connect({ host, port, timeout: 700 });
      const end = (text) => { socket.destroy(); resolve(text); };
      socket.on("connect", () => end("yes")).on("timeout", () => end("no")).on("error", (error) => end(error.code));
    });
    Promise.all(${JSON.stringify(targets)}.map(ask)).then((answers) => console.log(JSON.stringify(answers)));`;
  return JSON.parse(await run(inside(pid, process.execPath, "-e", script))) as string[];
};

const view = ({ name, ips, labels }: StagePod): PodView => ({
  metadata: { name, namespace: name === "agent" ? "tenant" : "system", labels },
  spec: { containers: [] },
  status: { phase: "Running", podIP: ips[0] ?? "", podIPs: ips.map((ip) => ({ ip })) },
});

for (const path of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]) await writeFile(`/proc/sys/net/${path}`, "1");
await run(["ip", "link", "set", "lo", "up"]);
const agent = await addPod("agent", ["10.244.0.5", "fd00:244::5"], { [label.confined]: "true" });
const collector = await addPod("collector", ["10.244.0.9", "fd00:244::9"], {
  "app.kubernetes.io/part-of": "enchanted-swarm",
  "app.kubernetes.io/instance": "swarm",
  "app.kubernetes.io/component": "collector",
});
await serve(collector, [4317, 5000]);
await serve(agent, [8080]);
const node = createServer((socket) => socket.end()).listen(6443, "::");
await once(node, "listening");

const look = async () =>
  Object.fromEntries(
    await Promise.all(
      ([0, 1] as const).map(async (at) => {
        const [a = "", c = "", n = ""] = [agent.ips[at], collector.ips[at], gateways[at]];
        const ofAgent = reach(agent, [
          [c, 4317],
          [c, 5000],
          [n, 6443],
        ]);
        const ofCollector = reach(collector, [
          [a, 8080],
          [n, 6443],
        ]);
        const [port, otherPort, itsNode] = await ofAgent;
        const [back, otherNode] = await ofCollector;
        return [at === 0 ? "ipv4" : "ipv6", { port, otherPort, itsNode, back, otherNode }] as const;
      }),
    ),
  );

const policy = {
  metadata: { name: "enchanted-confined", namespace: "tenant" },
  spec: confinementOf({ name: "swarm", namespace: "system" }),
} as PolicyView;
const snapshot: NetworkSnapshot = {
  pods: [view(agent), view(collector)],
  namespaces: [{ metadata: { name: "system", labels: { "kubernetes.io/metadata.name": "system" } } }],
  policies: [policy],
};

const open = await look();
await closePacketFilter();
const closed = await look();
await applySnapshot(snapshot);
const confined = await look();
await removePacketFilter();
const removed = await look();
process.stdout.write(JSON.stringify({ open, closed, confined, removed }));
process.exit(0);
