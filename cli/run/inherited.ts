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
  /** Open descriptors, of 3 to 9. */
  readonly descriptors: readonly number[];
};

const namesOf = Object.entries(constants.signals) as Array<[NodeJS.Signals, number]>;

/** Reads what the launcher found: `<mask of ignored signals, hex> <soft limit> <descriptor>…`. */
export const inheritedBy = (env: Host["env"]): Inherited => {
  const [mask = "", files, ...descriptors] = (env["ENCHANTED_INHERITED"] ?? "").split(" ");
  const ignored = BigInt(/^[0-9a-f]{1,16}$/.test(mask) ? `0x${mask}` : 0);
  return {
    signals: namesOf.flatMap(([name, number]) => (((ignored >> BigInt(number - 1)) & 1n) === 1n ? [name] : [])),
    files: /^(\d+|unlimited)$/.test(files ?? "") ? files : undefined,
    descriptors: descriptors.map(Number).filter((descriptor) => descriptor >= 3 && descriptor <= 9),
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

/** The descriptors that a program must not have although its number lies between those of others. */
const between = (descriptors: readonly number[]): number[] =>
  Array.from({ length: Math.max(3, ...descriptors) - 3 }, (_, at) => at + 4).filter(
    (descriptor) => !descriptors.includes(descriptor),
  );

/**
 * The command that gives its program all of that: what a shell ignores, limits and closes, its programs do. A program that
 * cannot be started is left to be told by whoever tries.
 */
export const givingBack = (
  { signals, files, descriptors }: Inherited,
  env: Host["env"],
  command: readonly string[],
): readonly string[] => {
  if (!isThere(command[0] ?? "", env)) return command;
  const steps = [
    ...(signals.length === 0 ? [] : [`trap '' ${signals.map((signal) => signal.slice(3)).join(" ")}`]),
    ...(files === undefined ? [] : [`ulimit -Sn ${files}`]),
    ...between(descriptors).map((descriptor) => `exec ${descriptor}<&-`),
  ];
  return steps.length === 0 ? command : ["sh", "-c", `${steps.join("; ")}; exec "$0" "$@"`, ...command];
};
