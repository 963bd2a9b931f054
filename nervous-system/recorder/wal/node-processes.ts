import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { createKernelLock } from "./kernel-lock.ts";
import type { Processes } from "./lock.ts";

/**
 * Kernel ticks at which `pid` started (field 22 of /proc/<pid>/stat), `"?"` where there is no /proc; `undefined` if it is
 * not there, or dead and kept only for a parent that did not ask for it yet (state Z in field 3).
 */
const startOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : fields[18];
  } catch {
    return isSignalable(pid) ? "?" : undefined;
  }
};

const isSignalable = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

const orUnknown = (read: () => string): string => {
  try {
    return read().trim();
  } catch {
    return "?";
  }
};

/** Where a pid means the same process: one boot and one PID namespace. */
const placeOf = (): string => {
  const boot = orUnknown(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  const space = orUnknown(() => readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, ""));
  return `${boot}.${space}.`;
};

// The client module runs in Node 20 too, which has no SQLite, and early ones no such call.
const sqlite = process.getBuiltinModule?.("node:sqlite") as
  | ReturnType<typeof process.getBuiltinModule<"node:sqlite">>
  | undefined;

/**
 * The machine's processes, named `<pid>/<start>/<boot>.<PID namespace>.<host>`; the host is for who reads an error. In a
 * container every process is pid 1 of its own name space; the start time tells a restarted scribe from the killed one
 * whose lock it finds. Of other places nothing is seen: there the kernel's lock tells who lives.
 */
export const createNodeProcesses = (): Processes => {
  const place = placeOf();
  return {
    self: () => `${process.pid}/${startOf(process.pid) ?? "?"}/${place}${hostname()}`,
    isAlive: (id) => {
      const [pid, start, owner] = id.split("/");
      if (!/^\d+$/.test(pid ?? "") || owner?.startsWith(place) !== true) return false;
      return startOf(Number(pid)) === start;
    },
    ...(sqlite === undefined ? {} : { seize: createKernelLock(sqlite) }),
  };
};
