import { readFileSync } from "node:fs";
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

const bootId = (): string => {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "?";
  }
};

/**
 * The machine's processes, named `<pid>/<start>/<boot>`. In a container every process is pid 1 of its own name space;
 * the start time tells a restarted scribe from the killed one whose lock it finds.
 */
export const createNodeProcesses = (): Processes => {
  const boot = bootId();
  return {
    self: () => `${process.pid}/${startOf(process.pid) ?? "?"}/${boot}`,
    isAlive: (id) => {
      const [pid, start, owner] = id.split("/");
      if (!/^\d+$/.test(pid ?? "") || owner !== boot) return false;
      return startOf(Number(pid)) === start;
    },
  };
};
