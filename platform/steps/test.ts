import { spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { readJson } from "../process/json-file.ts";
import { renderDuration } from "./progress.ts";
import { sumCounts, countsOf, type JestResults, type Counts } from "./totals.ts";

/** How the whole of the tests is run. */
export type TestOptions = {
  /** The checkout. */
  readonly root: string;
  /** Where each jest run leaves its results. */
  readonly resultsDir: string;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly say: (text: string) => void;
  /** Brings what unit tests run. */
  readonly installPackages: () => Promise<void>;
  /** Builds the programs that integration tests start. */
  readonly buildPrograms: () => Promise<void>;
  readonly isClusterUp: () => Promise<boolean>;
  readonly clusterUp: () => Promise<void>;
  readonly clusterDown: () => Promise<void>;
};

const runVisibly = (command: readonly string[], cwd: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const [program, ...args] = command;
    const child = spawn(program ?? "", args, { cwd, stdio: "inherit" });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });

/** Runs one command that ends in a jest run; a bad exit with no failed test counts as one failure. */
const runCounted = async (options: TestOptions, name: string, command: readonly string[]): Promise<Counts> => {
  const outputFile = join(options.resultsDir, `${name}.json`);
  await rm(outputFile, { force: true });
  options.say(`== ${name}`);
  const code = await runVisibly([...command, "--", "--json", `--outputFile=${outputFile}`], options.root);
  const counts = countsOf(await readJson<JestResults>(outputFile));
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
};

/** Runs `work`; a failure is told and counted, so that the last line always comes. */
const counted = async (options: TestOptions, what: string, work: () => Promise<void>): Promise<Counts> => {
  try {
    await work();
    return { passed: 0, failed: 0 };
  } catch (error) {
    options.say(`${what} failed: ${String(error)}`);
    return { passed: 0, failed: 1 };
  }
};

const endToEnd = async (options: TestOptions): Promise<Counts[]> => {
  const wasUp = await options.isClusterUp();
  // Also over a cluster that is up: what it runs must be what stands in the checkout.
  const up = await counted(options, "make up", options.clusterUp);
  const tests = up.failed > 0 ? [] : [await runCounted(options, "e2e", ["npm", "run", "-s", "e2e"])];
  const down = wasUp ? [] : [await counted(options, "make down", options.clusterDown)];
  return [up, ...tests, ...down];
};

/** Runs verify, integration and e2e tests; answers whether all passed, after the line `N passed, N failed`. */
export const runAllTests = async (options: TestOptions): Promise<boolean> => {
  const began = options.clock.monotonicMs();
  await mkdir(options.resultsDir, { recursive: true });
  const counts = [
    await counted(options, "the installation of packages", options.installPackages),
    await runCounted(options, "verify", ["npm", "run", "-s", "verify"]),
    await counted(options, "the build of programs", options.buildPrograms),
    await runCounted(options, "integration", ["npm", "run", "-s", "integration"]),
    ...(await endToEnd(options)),
  ];
  const { passed, failed } = sumCounts(counts);
  options.say(`Tests took ${renderDuration(options.clock.monotonicMs() - began)}.`);
  const total = `${passed} passed, ${failed} failed`;
  await writeFile(join(options.resultsDir, "total"), `${total}\n`);
  options.say(total);
  return failed === 0;
};
