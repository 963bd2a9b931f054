import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, tryRun } from "../process/run.ts";
import { node } from "./layout.ts";

const MOUNT = "/sys/fs/cgroup";

const isVersion2 = (hierarchy: string): boolean => existsSync(join(hierarchy, "cgroup.controllers"));

/** The hierarchies of control groups: one for each controller in version 1, a single one in version 2. */
const hierarchies = async (): Promise<string[]> => {
  if (isVersion2(MOUNT)) return [MOUNT];
  const paths = (await readdir(MOUNT)).map((name) => join(MOUNT, name));
  return paths.filter((path) => existsSync(join(path, "cgroup.procs")));
};

const ourGroups = async (): Promise<string[]> => (await hierarchies()).map((hierarchy) => join(hierarchy, node.cgroup));

/** A new cpuset of version 1 has no processors and no memory, and takes no process until it is given some. */
const inheritCpuset = async (hierarchy: string, group: string): Promise<void> => {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if (!existsSync(join(group, file)) || !existsSync(join(hierarchy, "cpuset.cpu_exclusive"))) continue;
    await writeFile(join(group, file), await readFile(join(hierarchy, file), "utf8"));
  }
};

/** In version 2 a group passes on only the controllers that it is told to. */
const passOnControllers = async (hierarchy: string, group: string): Promise<void> => {
  const available = (await readFile(join(hierarchy, "cgroup.controllers"), "utf8")).trim().split(" ");
  for (const dir of [hierarchy, group]) {
    for (const controller of available.filter(Boolean)) {
      // One that cannot be passed on here is none that the kubelet asks for.
      await writeFile(join(dir, "cgroup.subtree_control"), `+${controller}`).catch(() => undefined);
    }
  }
};

/** Makes the control group that every pod and build lies below. */
export const ensureCgroups = async (): Promise<void> => {
  for (const hierarchy of await hierarchies()) {
    const group = join(hierarchy, node.cgroup);
    await mkdir(group, { recursive: true });
    await inheritCpuset(hierarchy, group);
    if (isVersion2(hierarchy)) await passOnControllers(hierarchy, group);
  }
};

const groupsBelow = async (root: string): Promise<string[]> =>
  existsSync(root) ? (await run(["find", root, "-depth", "-type", "d"])).split("\n").filter(Boolean) : [];

const pidsIn = async (group: string): Promise<number[]> => {
  const text = await readFile(join(group, "cgroup.procs"), "utf8").catch(() => "");
  return text.split("\n").filter(Boolean).map(Number);
};

/** The processes of every pod and build: the kernel's own record of what runs in our control groups. */
export const podProcesses = async (): Promise<number[]> => {
  const groups = (await Promise.all((await ourGroups()).map(groupsBelow))).flat();
  return [...new Set((await Promise.all(groups.map(pidsIn))).flat())];
};

/** Removes our control groups, which must be empty by now. */
export const removeCgroups = async (): Promise<void> => {
  for (const root of await ourGroups()) {
    for (const group of await groupsBelow(root)) await tryRun(["rmdir", group]);
  }
};
