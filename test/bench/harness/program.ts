import { fileURLToPath } from "node:url";
import { run } from "#platform/process/run.ts";
import type { Reading } from "./bench.ts";
import { cpuSecondsOfEnded } from "./usage.ts";

/** Settings that a program of ours gets as JSON in its only argument. */
export type ProgramSettings = Readonly<Record<string, unknown>>;

const pathOf = (name: string): string => fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url));

/**
 * Runs `test/bench/programs/<name>.ts` in a process of its own, so that no contestant warms or spoils the code of
 * another; its last line is its reading, to which CPU-seconds are added.
 */
export const runProgram = async (name: string, settings: ProgramSettings): Promise<Reading> => {
  const before = cpuSecondsOfEnded();
  const command = [process.execPath, "--disable-warning=ExperimentalWarning", "--expose-gc", pathOf(name)];
  const output = await run([...command, JSON.stringify(settings)]);
  const reading = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Reading;
  return { ...reading, cpuSeconds: cpuSecondsOfEnded() - before };
};

/** The settings of the program that runs now, which says what they are. */
export const programSettings = (): unknown => JSON.parse(process.argv[2] ?? "{}");

/** Ends the program with what it measured; the most memory it held is added. */
export const report = (reading: Reading): void => {
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(`${JSON.stringify({ ...reading, peakMiB })}\n`);
};
