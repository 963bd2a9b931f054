import { readFile } from "node:fs/promises";

/** A process named so that a recycled id is never mistaken for it. */
export type ProcessRecord = {
  readonly pid: number;
  /** Clock ticks between the machine's boot and the start of the process. */
  readonly startTicks: string;
  /** The boot that the ticks count from. */
  readonly bootId: string;
};

/** Reads the start time (field 22) out of /proc/<pid>/stat; a dead child not yet reaped counts as gone. */
export const parseStartTicks = (stat: string): string | undefined => {
  // The program's name, in parentheses, may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
};

const readStartTicks = async (pid: number): Promise<string | undefined> => {
  try {
    return parseStartTicks(await readFile(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined; // no such process
  }
};

const readBootId = async (): Promise<string> => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();

/** Records a running process, or answers undefined when it has ended. */
export const recordProcess = async (pid: number): Promise<ProcessRecord | undefined> => {
  const startTicks = await readStartTicks(pid);
  return startTicks === undefined ? undefined : { pid, startTicks, bootId: await readBootId() };
};

/** Whether the very process that was recorded still runs. */
export const isRunning = async (record: ProcessRecord): Promise<boolean> => {
  const now = await recordProcess(record.pid);
  return now?.startTicks === record.startTicks && now.bootId === record.bootId;
};

/** Sends a signal to the recorded process, and to nothing else that may carry its id now. */
export const signalRecorded = async (record: ProcessRecord, signal: NodeJS.Signals): Promise<boolean> => {
  if (!(await isRunning(record))) return false;
  try {
    return process.kill(record.pid, signal);
  } catch {
    return false; // ended between the look and the signal
  }
};
