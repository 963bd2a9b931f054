import { readdir, readFile, readlink, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { tryRun } from "../process/run.ts";
import { waitFor } from "../process/wait.ts";
import { podProcesses } from "./cgroups.ts";
import { node, type Layout } from "./layout.ts";

const CONTAINER_LOGS = "/var/log/containers";
const CNI_RESULTS = "/var/lib/cni/results";

const listDir = (path: string): Promise<string[]> => readdir(path).catch(() => []);

/** The shims of our containerd: they name its socket, whose path is nobody else's. */
const shimProcesses = async (layout: Layout): Promise<number[]> => {
  const pids = (await listDir("/proc")).map(Number).filter(Boolean);
  const found = pids.map(async (pid) => {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const words = command.split("\0");
    const ours = words[0]?.endsWith("containerd-shim-runc-v2") && words.includes(layout.containerdSocket);
    return ours === true ? pid : undefined;
  });
  return (await Promise.all(found)).filter((pid) => pid !== undefined);
};

const killAll = (pids: readonly number[]): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // ended since the look
    }
  }
};

/** Ends every pod's processes and their shims; done when none is left. */
export const endPods = async (layout: Layout): Promise<void> => {
  await waitFor(
    "the end of every pod process",
    async () => {
      // Shims first: none is left to start what its container's policy would start again.
      const pids = [...(await shimProcesses(layout)), ...(await podProcesses())];
      killAll(pids);
      return pids.length === 0;
    },
    { timeoutMs: 30_000, intervalMs: 100 },
  );
};

/** Mount points at or below a directory, deepest first, as /proc/self/mountinfo tells them. */
export const mountsBelow = (mountinfo: string, dir: string): string[] =>
  mountinfo
    .split("\n")
    .map((line) => line.split(" ")[4]?.replaceAll("\\040", " ") ?? "")
    .filter((path) => path === dir || path.startsWith(`${dir}/`))
    .toReversed();

/** Takes down every mount below the state directory: volumes, root file systems, network namespaces. */
export const removeMounts = async (layout: Layout): Promise<void> => {
  const mounts = mountsBelow(await readFile("/proc/self/mountinfo", "utf8"), layout.state);
  for (const mount of mounts) await tryRun(["umount", "--lazy", mount]);
};

/** Removes what the kubelet and CNI keep outside the state directory, and only what is ours of it. */
export const removeStrayFiles = async (layout: Layout): Promise<void> => {
  for (const name of await listDir(CONTAINER_LOGS)) {
    const link = join(CONTAINER_LOGS, name);
    const target = await readlink(link).catch(() => "");
    if (target.startsWith(`${layout.podLogs}/`)) await unlink(link);
  }
  const results = await listDir(CNI_RESULTS);
  const ours = new RegExp(`^${node.cniNetwork}-(?<sandbox>[0-9a-f]+)-eth0$`, "u");
  for (const sandbox of results.map((name) => ours.exec(name)?.groups?.["sandbox"])) {
    if (sandbox === undefined) continue;
    for (const name of results.filter((one) => one.includes(sandbox))) {
      await rm(join(CNI_RESULTS, name), { force: true });
    }
  }
};

/**
 * Forgets which containers ran: their processes are gone, and containerd would wait for them. Images
 * and snapshots stay, so that the next start is quick.
 */
export const forgetContainers = async (layout: Layout): Promise<void> => {
  await rm(join(layout.containerd, "state"), { recursive: true, force: true });
  await rm(layout.cniState, { recursive: true, force: true });
  await rm(join(layout.docker, "exec"), { recursive: true, force: true });
  await rm(join(layout.docker, "pid"), { force: true });
};
