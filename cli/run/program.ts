import { constants } from "node:os";
import { traceIdsIn, type TraceIds } from "#nervous-system/schemas/ids.ts";
import { exitCode, exited, type Ending, type Host } from "../host.ts";
import { startGroupWitness } from "./group-witness.ts";
import { inheritedBy } from "./inherited.ts";
import type { ChildEnd, WrappedChild } from "#scribe/wrap/child.ts";

/** The trace that the program belongs to: the one that we were started in, or a new one. */
export const traceFor = (host: Host): { ids: TraceIds; traceparent: string } => {
  const given = host.env["TRACEPARENT"]?.trim() ?? "";
  const named = traceIdsIn(given);
  if (named !== undefined) return { ids: named, traceparent: given };
  const ids = { traceId: host.randomHex(16), spanId: host.randomHex(8) };
  return { ids, traceparent: `00-${ids.traceId}-${ids.spanId}-01` };
};

const PROXIES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/** What a program behind a proxy must find so that it asks our ports itself; nothing without a proxy. */
export const loopbackDirect = (env: Host["env"]): Record<string, string> => {
  if (PROXIES.every((name) => (env[name] ?? "") === "")) return {};
  const [upper = "", lower = ""] = [env["NO_PROXY"], env["no_proxy"]];
  // A star means everything only where it stands alone.
  const with127 = (list: string): string =>
    list.trim() === "*" ? list : list === "" ? "127.0.0.1" : `${list},127.0.0.1`;
  // Programs read one spelling or the other.
  return { NO_PROXY: with127(upper === "" ? lower : upper), no_proxy: with127(lower === "" ? upper : lower) };
};

/**
 * What is passed on. Not what Node's own doing brings upon it (SIGPIPE, SIGXFSZ, SIGXCPU, SIGCHLD and faults), nor what stops:
 * the program's terminal stops us beside it.
 */
const PASSED = [
  ...(["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGALRM", "SIGVTALRM"] as const),
  ...(["SIGPROF", "SIGIO", "SIGPWR", "SIGSTKFLT", "SIGTRAP", "SIGABRT", "SIGSYS", "SIGCONT", "SIGURG"] as const),
].filter((signal) => signal in constants.signals);

// What asks a process to end.
const ENDING = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const;

/**
 * Passes on the signals that reach us alone; we outlive all of them, since the program decides what they mean. The child may be
 * started after the call, before anything is awaited.
 */
export const passSignals = (host: Host, child: () => WrappedChild): void => {
  const ignored = new Set(inheritedBy(host.env).signals);
  const signals = PASSED.filter((signal) => !ignored.has(signal));
  const onAlone = (signal: NodeJS.Signals): void => child().signal(signal);
  const hear = startGroupWitness({ signals, path: host.env["PATH"], onAlone });
  for (const signal of PASSED) host.onSignal(signal, () => (ignored.has(signal) ? undefined : hear(signal)));
};

/** Hears who wants our end once the program has its own: nothing that we still do is worth waiting for against their will. */
export const hearHurry = (host: Host, hurry: () => void): void => {
  const ignored = new Set(inheritedBy(host.env).signals);
  for (const signal of ENDING) if (!ignored.has(signal)) host.onSignal(signal, hurry);
};

/** How `enchanted run` ends when its program ended so; what could not be started is told on standard error. */
export const endingOf = (host: Host, end: ChildEnd, program: string): Ending => {
  if (end.kind === "signalled") return end;
  if (end.kind === "exited") return { ...end, ofProgram: true };
  const isThere = end.message.includes("EACCES");
  host.warn(`enchanted: ${program}: ${isThere ? "is not executable" : "there is no such program"} (${end.message})`);
  return { ...exited(isThere ? exitCode.notExecutable : exitCode.notFound), ofProgram: true };
};

/** The end of a program as the payload of LIFECYCLE says it. */
export const describeEnd = (end: ChildEnd): Record<string, unknown> => {
  if (end.kind === "exited") return { reason: "Exited", exit_code: end.code };
  return end.kind === "signalled" ? { reason: "Killed", signal: end.signal } : { reason: "CommandNotStarted" };
};
