import { createCleanup, type Cleanup } from "#test/integration/pipeline/bus-harness.ts";
import { asBatch } from "#test/integration/pipeline/graph-harness.ts";
import { startTestLedger, type TestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { openTestReader, type TestReader } from "#test/integration/pipeline/reader-harness.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Bench, Contestant, Reading, Staged, Surroundings } from "./harness/bench.ts";
import { nLogN } from "./harness/growth.ts";
import { multiplyLedger } from "./harness/multiply-ledger.ts";
import { summarize } from "./harness/statistics.ts";
import { FRAMES_A_MISSION, yearFrames } from "./harness/year-frames.ts";

const MISSIONS = 200;
const COPIES = [1, 10, 100] as const;
const BATCH = 8_192;
const ASKED = 9;

const NAMESPACE = "team-a";
const PAIR = { a: "coder-1", b: "coder-2", about: "database schema" };
const HOUR = { from: "2026-06-15T04:00:00Z", to: "2026-06-15T05:00:00Z" };

/** Frames of one size, ready to be asked. */
type YearLedger = { readonly frames: number; readonly reader: TestReader; readonly bytesPerFrame: number };

const oneNumber = async (ledger: TestLedger, query: string): Promise<number> => {
  const [row] = await ledger.rows<{ n: number }>(query);
  return Number(row?.n);
};

/** The answer as anybody would look for it: in every frame, one by one. */
const plainCount = `SELECT count() AS n FROM enchanted.context_frames WHERE event_type = 'MESSAGE'
  AND arraySort([agent_id, to_agent]) = ['${PAIR.a}', '${PAIR.b}'] AND text ILIKE '%database schema%'
  AND toString(observed) >= '2026-06-15 04:00:00' AND toString(observed) < '2026-06-15 05:00:00'`;

const mustAnswer = async ({ reader }: YearLedger, ledger: TestLedger): Promise<void> => {
  const { rows } = await reader.ask(NAMESPACE, "conversations", { ...PAIR, ...HOUR });
  const wanted = await oneNumber(ledger, plainCount);
  if (wanted === 0 || rows.length !== wanted) throw new Error(`${rows.length} messages answered of ${wanted}`);
};

/** As the siphon does it. */
const writeAll = async (ledger: TestLedger, frames: readonly StoredFrame[]): Promise<void> => {
  const sink = ledger.sink();
  await sink.prepare();
  for (let from = 0; from < frames.length; from += BATCH) {
    const batch = asBatch(frames.slice(from, from + BATCH));
    const result = await sink.write(batch, new AbortController().signal);
    if (result.kind !== "written") throw new Error(JSON.stringify(result));
  }
  await sink.close();
};

const fill = async (base: readonly StoredFrame[], copies: number, cleanup: Cleanup): Promise<YearLedger> => {
  const ledger = await startTestLedger(cleanup, { maxMemoryBytes: MEMORY_BYTES });
  await writeAll(ledger, base);
  await multiplyLedger(ledger, base.length, copies);
  const frames = await oneNumber(ledger, "SELECT count() AS n FROM enchanted.context_frames");
  if (frames !== base.length * copies) throw new Error(`${frames} rows instead of ${base.length * copies}`);
  const bytes = await oneNumber(
    ledger,
    "SELECT sum(bytes_on_disk) AS n FROM system.parts WHERE database = 'enchanted' AND table = 'context_frames' AND active",
  );
  const reader = openTestReader(ledger);
  cleanup.add(() => reader.store.close());
  const filled = { frames, reader, bytesPerFrame: bytes / frames };
  await mustAnswer(filled, ledger);
  return filled;
};

// What is copied of a month stands in memory at once.
const MEMORY_BYTES = 6 * 2 ** 30;

const timed = async (ask: () => Promise<{ readonly rowsRead: number }>): Promise<{ ms: number; rowsRead: number }> => {
  const readings: number[] = [];
  let rowsRead = 0;
  for (let n = 0; n < ASKED; n += 1) {
    const began = performance.now();
    ({ rowsRead } = await ask());
    readings.push(performance.now() - began);
  }
  return { ms: summarize(readings).median, rowsRead };
};

const measure = async ({ reader, bytesPerFrame }: YearLedger): Promise<Reading> => {
  const hour = await timed(() => reader.ask(NAMESPACE, "conversations", { ...PAIR, ...HOUR }));
  return { ...hour, bytesPerFrame };
};

const nameOf = (frames: number): string => `${frames.toLocaleString("en")} frames`;

const contestantOf = (filled: YearLedger): Contestant => ({
  name: nameOf(filled.frames),
  measure: () => measure(filled),
});

const figuresOf = (sizes: readonly number[]): Staged["figures"] => {
  const [smallest = 0, largest = 0] = [sizes[0], sizes.at(-1)];
  const bound = nLogN(smallest, largest);
  const beside = (metric: string) => ({ ours: [nameOf(largest), metric], peer: [nameOf(smallest), metric] }) as const;
  const [among, times] = [`among ${nameOf(largest)}, beside ${nameOf(smallest)}`, Math.round(largest / smallest)];
  return [
    {
      id: "P14 time",
      what: `the question's answer ${among}`,
      unit: "ms",
      ...beside("ms"),
      goal: { kind: "valueAtMost", must: 300, aim: 100 },
    },
    {
      id: "P16 P14 time",
      what: `the same; of ${times} times as many`,
      unit: "ms",
      ...beside("ms"),
      goal: { kind: "ratioAtMost", must: bound, aim: times },
    },
    {
      id: "P16 P14 rows",
      what: `rows read for it ${among}`,
      unit: "rows",
      ...beside("rowsRead"),
      goal: { kind: "ratioAtMost", must: bound, aim: times },
    },
    {
      id: "P16 P14 bytes",
      what: `bytes on disk a frame ${among}`,
      unit: "B",
      ...beside("bytesPerFrame"),
      goal: { kind: "ratioAtMost", must: bound / times, aim: 1.05 },
    },
  ];
};

const stage = async ({ quick, note }: Surroundings): Promise<Staged> => {
  const cleanup = createCleanup();
  const base = yearFrames(quick ? MISSIONS / 10 : MISSIONS);
  const filled: YearLedger[] = [];
  for (const copies of COPIES) {
    note(`${nameOf(base.length * copies)} into ClickHouse`);
    filled.push(await fill(base, copies, cleanup));
  }
  const sizes = filled.map(({ frames }) => frames);
  return {
    contestants: filled.map(contestantOf),
    figures: figuresOf(sizes),
    growth: {
      sizes: filled.map(({ frames }) => ({ contestant: nameOf(frames), n: frames })),
      metrics: [
        { metric: "ms", what: "time, ms" },
        { metric: "rowsRead", what: "rows read" },
        { metric: "bytesPerFrame", what: "bytes on disk a frame" },
      ],
    },
    conditions: [
      `\`conversations\` by the reader's own query: what ${PAIR.a} and ${PAIR.b} said about "${PAIR.about}" between 4:00 and 5:00 of a day; the median of ${ASKED} times. Its answer is compared with a look at every frame.`,
      `Frames of one namespace over a year, ${FRAMES_A_MISSION / 5} of each agent (100,000 agents at the largest size), of the mix in test/builders/swarm-payloads.ts, about 675 B each beside their envelope.`,
      `${nameOf(base.length)} come by the ledger's sink. Larger sizes are copies of them that ClickHouse makes: other agents, missions, event ids and hashes, in columns, envelope and bytes, each copy on other days, so that no text lies beside itself.`,
      "chDB on this machine, its files in the page cache; parts as large as ClickHouse makes them in the end.",
    ],
    dispose: () => cleanup.run(),
  };
};

/** P14: a question about an hour among the frames of a year, with what P16 asks of it. */
export const questionsBench: Bench = { id: "P14", title: "A question among the frames of a year", stage };
