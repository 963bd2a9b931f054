// `make bench`: runs the benches beside their peers and writes the page of figures.
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repositoryRoot } from "#platform/environment.ts";
import { readBaseline, regressions, writeBaseline } from "./harness/baseline.ts";
import type { Bench } from "./harness/bench.ts";
import { conduct, outcomeOf, type Outcome } from "./harness/conduct.ts";
import { loadNow, machineFacts } from "./harness/machine.ts";
import { renderReport, sectionsOf, writeOut, type Section } from "./harness/report.ts";
import { verdictOf } from "./harness/verdict.ts";
import { notes } from "./notes.ts";
import { collectorBench } from "./p1-collector.ts";
import { decoderBench } from "./p2-decoder.ts";
import { walBench } from "./p3-wal.ts";
import { publishBench } from "./p4-publish.ts";
import { storesBench } from "./p5-stores.ts";
import { parquetBench } from "./p13-parquet.ts";
import { questionsBench } from "./p14-questions.ts";
import { recordBench } from "./p15-record.ts";
import { bytesBench } from "./p17-bytes.ts";
import { missionBench } from "./p18-mission.ts";
import { underRunBench } from "./p19-run.ts";
import { outageBench } from "./r3-outage.ts";

const benches: readonly Bench[] = [
  collectorBench,
  decoderBench,
  walBench,
  publishBench,
  storesBench,
  parquetBench,
  questionsBench,
  recordBench,
  bytesBench,
  missionBench,
  underRunBench,
  outageBench,
];

const USAGE = `usage: node test/bench/main.ts [--only P3,P4] [--runs 5] [--quick] [--check] [--save-baseline] [--page]
  --only           the benches to run; all of them otherwise
  --runs           runs that count, after a warm-up; 5 at least for figures that mean something
  --quick          a tenth of the work, to see whether everything runs; nothing is written
  --plain-stores   NATS and the store of blobs in plain text, to see what their TLS costs; nothing is written
  --page           only writes the page anew from what was measured last
  --check          fail when a ratio is worse than the baseline's by more than a fifth
  --save-baseline  take these ratios for the new baseline
`;

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    runs: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    page: { type: "boolean", default: false },
    "plain-stores": { type: "boolean", default: false },
    "save-baseline": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const plainStores = options["plain-stores"];
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const runBench = async (bench: Bench, runs: number): Promise<Section> => {
  const directory = await mkdtemp(join(tmpdir(), `enchanted-bench-${bench.id.toLowerCase()}-`));
  const note = (text: string): void => say(`${bench.id}: ${text}`);
  try {
    const staged = await bench.stage({ directory, quick: options.quick, plainStores, note });
    try {
      const readings = await conduct(staged, runs, note);
      const outcomes = staged.figures.map((figure) => outcomeOf(figure, readings));
      const measured = new Date().toISOString().slice(0, 16).replace("T", " ");
      const { id, title } = bench;
      const { conditions, growth } = staged;
      return { id, title, runs, measured: `${measured} UTC`, load: loadNow(), conditions, outcomes, readings, growth };
    } finally {
      await staged.dispose?.();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

const resultPath = (id: string): string => join(repositoryRoot, "dist/bench", `${id}.json`);

const pagePath = join(repositoryRoot, "docs/reference/benchmarks.md");

/** Every bench as it was measured last here, else as the page has it. */
const lastSections = (): Array<Section | string> => {
  const kept = sectionsOf(existsSync(pagePath) ? readFileSync(pagePath, "utf8") : "");
  return benches.flatMap(({ id }): Array<Section | string> => {
    const path = resultPath(id);
    if (existsSync(path)) return [JSON.parse(readFileSync(path, "utf8")) as Section];
    return [kept.get(id) ?? []].flat();
  });
};

const tell = ({ outcomes }: Section): void => {
  for (const outcome of outcomes) {
    const { id, ours, peer, ratio } = outcome;
    const parts = [ours, peer, ratio].map(({ median }) => median.toPrecision(4));
    say(`  ${id}: ours ${parts[0]}, peer ${parts[1]}, ratio ${parts[2]}: ${verdictOf(outcome)}`);
  }
};

const writePage = async (): Promise<void> => {
  const page = renderReport({ machine: await machineFacts(tmpdir()), sections: lastSections(), notes });
  writeOut(pagePath, page);
};

/** Runs benches one after the other; what one found is written before the next begins. */
const runAll = async (wanted: readonly Bench[], runs: number): Promise<{ outcomes: Outcome[]; failed: boolean }> => {
  const outcomes: Outcome[] = [];
  let failed = false;
  for (const bench of wanted) {
    try {
      const section = await runBench(bench, runs);
      tell(section);
      outcomes.push(...section.outcomes);
      if (options.quick || plainStores) continue;
      writeOut(resultPath(section.id), `${JSON.stringify(section, null, 2)}\n`);
      await writePage();
    } catch (error) {
      failed = true;
      say(`${bench.id} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  return { outcomes, failed };
};

const judge = (outcomes: readonly Outcome[]): number => {
  const worse = options.check ? regressions(outcomes, readBaseline()) : [];
  for (const line of worse) say(`regression: ${line}`);
  if (options["save-baseline"]) writeBaseline(outcomes);
  return worse.length;
};

const main = async (): Promise<number> => {
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const wanted = options.only?.split(",");
  const unknown = wanted?.filter((id) => !benches.some((bench) => bench.id === id)) ?? [];
  if (unknown.length > 0) {
    say(`no bench is called ${unknown.join(", ")}; there are ${benches.map(({ id }) => id).join(", ")}`);
    return 64;
  }
  const chosen = benches.filter(({ id }) => wanted === undefined || wanted.includes(id));
  if (options.page) {
    await writePage();
    return 0;
  }
  const { outcomes, failed } = await runAll(chosen, options.quick ? 1 : Number(options.runs));
  if (options.quick || plainStores) return failed ? 1 : 0;
  return judge(outcomes) > 0 || failed ? 1 : 0;
};

process.exitCode = await main();
