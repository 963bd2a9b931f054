import { readFileSync, writeFileSync } from "node:fs";

/** Linux counts CPU time in hundredths of a second towards programs, whatever its own tick is. */
const TICKS_PER_SECOND = 100;

/** Fields of /proc/<pid>/stat behind the program's name, which may itself hold spaces. */
const statFields = (pid: number | "self"): string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
};

const seconds = (ticks: readonly (string | undefined)[]): number =>
  ticks.reduce((sum, value) => sum + Number(value), 0) / TICKS_PER_SECOND;

/** CPU-seconds, user and system, that a running process has used. */
export const cpuSecondsOf = (pid: number): number => seconds(statFields(pid).slice(11, 13));

/** CPU-seconds of all children of ours that have ended, and of theirs. */
export const cpuSecondsOfEnded = (): number => seconds(statFields("self").slice(13, 15));

const statusKiB = (pid: number, name: string): number => {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(new RegExp(`^${name}:\\s+(\\d+) kB`, "m"));
  return Number(line?.[1] ?? Number.NaN);
};

/** The most memory that a running process has held, MiB. */
export const peakMiBOf = (pid: number): number => statusKiB(pid, "VmHWM") / 1024;

/** The memory that a running process holds now, MiB. */
export const residentMiBOf = (pid: number): number => statusKiB(pid, "VmRSS") / 1024;

/** The memory of a running process that is its own now, without the pages of programs that others share, MiB. */
export const ownMiBOf = (pid: number): number => statusKiB(pid, "RssAnon") / 1024;

/** Lets the peak begin anew at what is held now. */
export const resetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, "5");

/** A process and all that descend from it. */
const treeOf = (pid: number): number[] => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return [pid, ...(children === "" ? [] : children.split(" ").flatMap((child) => treeOf(Number(child))))];
};

/** CPU-seconds that a running process and all that descend from it have used. */
export const cpuSecondsOfTree = (pid: number): number => treeOf(pid).reduce((sum, one) => sum + cpuSecondsOf(one), 0);
