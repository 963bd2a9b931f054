import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { repositoryRoot } from "#platform/environment.ts";
import { addToReport } from "#test/chaos/report.ts";
import { renderOperation } from "./history.ts";
import { addCounts, emptyCounts, renderFaults, renderProgress } from "./progress.ts";
import { runSeed, type SeedResult } from "./run-seed.ts";
import type { SeedRange, Told } from "./run-seeds.ts";

const USAGE = `usage: node test/simulation/main.ts [--seeds 1000] [--from 1] [--jobs 1]   many seeds
       node test/simulation/main.ts --seed N [--trace]                        one, with its history`;

const showFailure = ({ seed, violations }: SeedResult): void => {
  console.error(`\nseed ${seed} breaks ${violations.length} rules:`);
  for (const { rule, why } of violations.slice(0, 5)) console.error(`  ${rule}: ${why.slice(0, 1_000)}`);
  console.error(`again: node test/simulation/main.ts --seed ${seed} --trace`);
};

const runOne = async (seed: number, trace: boolean): Promise<number> => {
  const result = await runSeed(seed, {
    onAdd: trace ? (operation) => console.log(renderOperation(operation)) : undefined,
  });
  const { violations, ...rest } = result;
  console.log(JSON.stringify(rest));
  if (violations.length === 0) return 0;
  showFailure(result);
  return 1;
};

const runMany = async (from: number, seeds: number, jobs: number): Promise<number> => {
  const counts = emptyCounts();
  const failed: number[] = [];
  const started = performance.now();
  const progress = (): string => renderProgress(counts, seeds, performance.now() - started);
  const hear = (told: Told): void => {
    if (told.kind === "counts") return addCounts(counts, told.more);
    failed.push(told.result.seed);
    if (failed.length <= 20) showFailure(told.result);
  };
  const run = (job: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const workerData: SeedRange = { from: from + job, to: from + seeds, step: jobs };
      const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData });
      worker.on("message", hear);
      worker.once("error", reject);
      worker.once("exit", () => resolve());
    });
  const timer = setInterval(() => console.log(progress()), 5_000);
  await Promise.all(Array.from({ length: jobs }, (_, job) => run(job)));
  clearInterval(timer);
  console.log(progress());
  console.log(renderFaults(counts));
  console.log(failed.length === 0 ? "no rule was broken" : `${failed.length} seeds failed: ${failed.join(" ")}`);
  const elapsedMs = Math.round(performance.now() - started);
  await addToReport(join(repositoryRoot, "dist", "chaos"), "simulation", { ...counts, elapsedMs, jobs, failed });
  return failed.length === 0 ? 0 : 1;
};

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: "1" },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(USAGE);
else if (values.seed === undefined)
  process.exitCode = await runMany(Number(values.from), Number(values.seeds), Number(values.jobs));
else process.exitCode = await runOne(Number(values.seed), values.trace);
