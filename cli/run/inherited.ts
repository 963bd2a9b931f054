import { accessSync, constants as access, statSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import type { Host } from "../host.ts";

/** What we were started with and Node took from us, as the launcher saw it in `/proc`; nothing of it elsewhere. */
export type Inherited = {
  /** Signals to be ignored, as after `nohup`. */
  readonly signals: readonly NodeJS.Signals[];
  /** The soft limit of open files, as `ulimit` says it. */
  readonly files: string | undefined;
  /** Open descriptors that Node closes to its programs; those above it leaves alone. */
  readonly descriptors: readonly number[];
};

const namesOf = Object.entries(constants.signals) as Array<[NodeJS.Signals, number]>;

/** Node closes 3 to 15 to its programs, and what is open from 16 on without a gap (`uv_disable_stdio_inheritance`). */
const takenByNode = (open: readonly number[]): number[] => {
  let end = 16;
  while (open.includes(end)) end += 1;
  return open.filter((descriptor) => descriptor >= 3 && descriptor < end);
};

/** Reads what the launcher found: `<mask of ignored signals, hex> <soft limit> <descriptor>…`. */
export const inheritedBy = (env: Host["env"]): Inherited => {
  const [mask = "", files, ...descriptors] = (env["ENCHANTED_INHERITED"] ?? "").split(" ");
  const ignored = BigInt(/^[0-9a-f]{1,16}$/.test(mask) ? `0x${mask}` : 0);
  return {
    signals: namesOf.flatMap(([name, number]) => (((ignored >> BigInt(number - 1)) & 1n) === 1n ? [name] : [])),
    files: /^(\d+|unlimited)$/.test(files ?? "") ? files : undefined,
    descriptors: takenByNode(descriptors.map(Number)),
  };
};

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, access.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

const isThere = (command: string, { PATH = "" }: Host["env"]): boolean =>
  command.includes("/") ? isProgram(command) : PATH.split(delimiter).some((place) => isProgram(join(place, command)));

/** What a shell sets, in its programs' environment, too. */
const SHELLS_OWN = ["PWD", "OLDPWD", "SHLVL", "_", "IFS", "OPTIND", "PPID"];

/** The command behind a shell, with `env` as if there were none: bash alone keeps variables whose names are none to a shell. */
const behindShell = (steps: readonly string[], env: Host["env"], command: readonly string[]): readonly string[] => {
  const isOdd = Object.keys(env).some((name) => env[name] !== undefined && !/^[A-Za-z_]\w*$/.test(name));
  // Privileged, it takes none of the functions in it for its own.
  const shell = isOdd && isThere("bash", env) ? ["bash", "-p"] : ["sh"];
  const unset = SHELLS_OWN.filter((name) => env[name] === undefined).flatMap((name) => ["-u", name]);
  const set = SHELLS_OWN.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${env[name]}`]));
  // `env` would take such a program for a variable.
  const own = command[0]?.includes("=") === true ? [] : ["env", ...unset, ...set];
  return [...shell, "-c", `${steps.join("; ")}; exec "$@"`, "sh", ...own, ...command];
};

/**
 * The command that gives its program signals and limit back: what a shell ignores and limits, its programs do. A program that
 * cannot be started is left to be told by whoever tries.
 */
export const givingBack = (
  { signals, files }: Inherited,
  env: Host["env"],
  command: readonly string[],
): readonly string[] => {
  if (!isThere(command[0] ?? "", env)) return command;
  // Unlike a shell, it leaves the environment alone.
  const hasPrlimit = files !== undefined && isThere("prlimit", env);
  const limited = hasPrlimit ? ["prlimit", `--nofile=${files}:`, "--", ...command] : command;
  const steps = [
    // Shells do not know all of their names.
    ...(signals.length === 0 ? [] : [`trap '' ${signals.map((signal) => constants.signals[signal]).join(" ")}`]),
    ...(files === undefined || hasPrlimit ? [] : [`ulimit -Sn ${files}`]),
  ];
  return steps.length === 0 ? limited : behindShell(steps, env, limited);
};
