import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { childEnvironment } from "../environment.ts";
import { isReady, type Probe } from "./probe.ts";
import { waitFor } from "./wait.ts";

/** A server process as plain data: what to start and how to ask whether it is ready. */
export type ServiceSpec = {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Runs as this user and group, with no supplementary groups; else as the caller. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly ready: Probe;
  readonly readyTimeoutMs?: number;
  /** Time between SIGTERM and SIGKILL when it is stopped. */
  readonly stopGraceMs?: number;
};

/** One started server. */
export type RunningService = AsyncDisposable & {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when the process has ended, whatever ended it. */
  readonly exited: Promise<void>;
  /** Sends a signal to the process; SIGSTOP and SIGCONT freeze and thaw it. */
  kill(signal?: NodeJS.Signals): void;
  /** Ends the process, by force when it does not go in time; done when it is gone. */
  stop(): Promise<void>;
};

/**
 * The command as it is really run: setpriv has the kernel end the server when we die, even by
 * kill -9, so that no orphan holds a port or a lock.
 */
export const renderCommand = (spec: ServiceSpec): string[] => [
  "setpriv",
  "--pdeathsig=KILL",
  ...(spec.user ? [`--reuid=${spec.user.uid}`, `--regid=${spec.user.gid}`, "--clear-groups"] : []),
  "--",
  ...spec.command,
];

const launch = (spec: ServiceSpec, logFile: string): ChildProcess => {
  const log = openSync(logFile, "a");
  try {
    const [program, ...args] = renderCommand(spec);
    return spawn(program ?? "", args, {
      cwd: spec.cwd,
      env: childEnvironment(spec.env),
      stdio: ["ignore", log, log],
    });
  } finally {
    closeSync(log);
  }
};

/** The last lines of a log, for messages. */
const logTail = async (logFile: string, lines = 15): Promise<string> => {
  const text = await readFile(logFile, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-lines).join("\n");
};

const stopChild = async (spec: ServiceSpec, child: ChildProcess, exited: Promise<void>) => {
  const clock = systemClock();
  child.kill("SIGTERM");
  child.kill("SIGCONT"); // a frozen process must thaw to hear SIGTERM
  const cancelForce = clock.after(spec.stopGraceMs ?? 10_000, () => child.kill("SIGKILL"));
  await exited;
  cancelForce();
};

const handleFor = (spec: ServiceSpec, child: ChildProcess, logFile: string): RunningService => {
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const stop = (): Promise<void> => stopChild(spec, child, exited);
  return {
    name: spec.name,
    pid: child.pid ?? 0,
    logFile,
    exited,
    kill: (signal = "SIGKILL") => void child.kill(signal),
    stop,
    [Symbol.asyncDispose]: stop,
  };
};

/** Starts a server without waiting for it to be ready; its output is appended to `<logDir>/<name>.log`. */
export const launchService = async (spec: ServiceSpec, logDir: string): Promise<RunningService> => {
  await mkdir(logDir, { recursive: true });
  const logFile = join(logDir, `${spec.name}.log`);
  return handleFor(spec, launch(spec, logFile), logFile);
};

/**
 * Waits until a started server answers its probe; when it ends, stays silent or `signal` aborts, it is
 * stopped and the error holds its last output.
 */
export const awaitReady = async (spec: ServiceSpec, service: RunningService, signal?: AbortSignal): Promise<void> => {
  const ended = new AbortController();
  void service.exited.then(() => ended.abort(new Error(`${spec.name} ended before it was ready`)));
  try {
    await waitFor(`readiness of ${spec.name}`, () => isReady(spec.ready), {
      timeoutMs: spec.readyTimeoutMs ?? 60_000,
      signal: signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]),
    });
  } catch (error) {
    const tail = await logTail(service.logFile);
    await service.stop();
    throw new Error(`${String(error)}\nIts log, ${service.logFile}, ends with:\n${tail}`, {
      cause: error,
    });
  }
};

/** Starts a server and answers when it is ready. */
export const startService = async (spec: ServiceSpec, logDir: string): Promise<RunningService> => {
  const service = await launchService(spec, logDir);
  await awaitReady(spec, service);
  return service;
};
