import { readFileSync } from "node:fs";
import type { WrappedChild } from "#scribe/wrap/child.ts";
import type { Host } from "../host.ts";

// What a terminal sends, it sends to the whole foreground group: the program has it already.
const BY_TERMINAL = ["SIGINT", "SIGQUIT", "SIGHUP", "SIGWINCH"] as const;
const BY_PROCESSES = ["SIGTERM", "SIGUSR1", "SIGUSR2"] as const;

/** The process group and the terminal's foreground group, fields 5 and 8 of Linux's `/proc/self/stat`. */
const isForeground = (stat: string): boolean => {
  const [, , group, , , foreground] = stat
    .slice(stat.lastIndexOf(")") + 1)
    .trim()
    .split(" ");
  return group !== undefined && group === foreground;
};

const hasTerminal = (host: Host): boolean => {
  if (host.platform !== "linux") return true;
  try {
    return isForeground(readFileSync("/proc/self/stat", "utf8"));
  } catch {
    return true;
  }
};

/**
 * Passes on the signals that reach us alone; we outlive all of them, since the program decides what they mean. The child may be
 * started after the call, before anything is awaited.
 */
export const passSignals = (host: Host, child: () => WrappedChild): void => {
  for (const signal of BY_PROCESSES) host.onSignal(signal, () => child().signal(signal));
  for (const signal of BY_TERMINAL) {
    host.onSignal(signal, () => {
      if (!hasTerminal(host)) child().signal(signal);
    });
  }
};
