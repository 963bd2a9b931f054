// Asks every question over the same frames in real stores, and says what each took.
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { createLexicalHash } from "#pipeline/embedding/lexical-hash.ts";
import { createGraphStore } from "#pipeline/reader/graph/store.ts";
import { createMemoryStore } from "#pipeline/reader/memory/store.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { machineFacts } from "#test/bench/harness/machine.ts";
import { writeOut } from "#test/bench/harness/report.ts";
import { FRAMES_A_MISSION, yearFrames } from "#test/bench/harness/year-frames.ts";
import { createCleanup } from "#test/integration/pipeline/bus-harness.ts";
import { asBatch, startTestGraph } from "#test/integration/pipeline/graph-harness.ts";
import { startTestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { startTestMemory } from "#test/integration/pipeline/memory-harness.ts";
import { askingOf, openTestReader } from "#test/integration/pipeline/reader-harness.ts";
import { asked, type Asked } from "./asked.ts";
import { renderPage, type Answered } from "./page.ts";
import { revertedMissions } from "./reverted-missions.ts";

const USAGE = `usage: node test/questions/main.ts [--missions 2000, of ${FRAMES_A_MISSION} frames each] [--page]
  --page  write docs/reference/answers.md
`;
const { values: options } = parseArgs({
  options: {
    missions: { type: "string", default: "2000" },
    page: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const NAMESPACE = "team-a";
const MISSIONS_A_PART = 100;
const REVERTED = 200;
const BATCH = 8_192;
const TIMES = 5;
const missions = Number(options.missions);
const cleanup = createCleanup();
const never = new AbortController().signal;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const [ledger, graph, memory] = [
  await startTestLedger(cleanup),
  await startTestGraph(cleanup),
  await startTestMemory(cleanup),
];
const sinks: ReadonlyArray<readonly [string, Sink]> = [
  ["ledger", ledger.sink()],
  ["graph", graph.sink()],
  ["memory", memory.sink()],
];
for (const [, sink] of sinks) await sink.prepare();

const write = async (frames: readonly StoredFrame[]): Promise<void> => {
  for (const [name, sink] of sinks) {
    const began = performance.now();
    for (let from = 0; from < frames.length; from += BATCH) {
      const result = await sink.write(asBatch(frames.slice(from, from + BATCH)), never);
      if (result.kind !== "written") throw new Error(`${name}: ${JSON.stringify(result)}`);
    }
    say(`  ${name} in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  }
};

let count = 0;
let sample: readonly StoredFrame[] = [];
for (let first = 0; first < missions; first += MISSIONS_A_PART) {
  const frames = yearFrames(Math.min(MISSIONS_A_PART, missions - first), first);
  if (first === 0) sample = frames;
  await write(frames);
  say(`${(count += frames.length).toLocaleString("en")} frames in three stores`);
}
const reverted = revertedMissions(REVERTED, count);
await write(reverted);
count += reverted.length;
for (const [, sink] of sinks) await sink.close();

const readers = {
  ledger: openTestReader(ledger).ask,
  graph: askingOf(createGraphStore(graph.open({ transactionTimeoutMs: 60_000 }))),
  memory: askingOf(createMemoryStore({ client: memory.client, embedder: createLexicalHash() })),
};

const answer = async (one: Asked): Promise<Answered> => {
  const times: number[] = [];
  let found = { rows: 0, rowsRead: 0 };
  for (let n = 0; n < TIMES; n += 1) {
    const began = performance.now();
    const { rows, rowsRead } = await readers[one.store](NAMESPACE, one.question, one.parameters);
    times.push(performance.now() - began);
    found = { rows: rows.length, rowsRead };
  }
  if (found.rows === 0) throw new Error(`${one.question} answers nothing`);
  const ms = times.toSorted((a, b) => a - b)[TIMES >> 1] ?? 0;
  say(`${one.question}: ${found.rows} rows in ${ms.toFixed(1)} ms, ${found.rowsRead} read`);
  return { ...one, ...found, ms };
};

const answers: Answered[] = [];
for (const one of asked(sample)) answers.push(await answer(one));
const page = renderPage(answers, { frames: count, times: TIMES }, await machineFacts(repositoryRoot));
process.stdout.write(page);
if (options.page) writeOut(join(repositoryRoot, "docs/reference/answers.md"), page);
await cleanup.run();
process.exit();
