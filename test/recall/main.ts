// Measures how well lessons are found by reports of the same bugs in other words.
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Embedder } from "#pipeline/embedding/embedder.ts";
import { createLexicalHash } from "#pipeline/embedding/lexical-hash.ts";
import { createLocalEmbedder } from "#pipeline/embedding/local/local-embedder.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { ensureEmbeddingModel } from "#platform/tools/embedding-model.ts";
import { machineFacts } from "#test/bench/harness/machine.ts";
import { writeOut } from "#test/bench/harness/report.ts";
import { startRecall } from "./by-recall.ts";
import { createBm25 } from "./bm25.ts";
import { readCases } from "./cases.ts";
import { measure, type Score } from "./measure.ts";
import { renderPage, renderSections, type Measured, type Section } from "./page.ts";

const USAGE = `usage: node test/recall/main.ts [--dev] [--misses] [--page]
  --dev     measure the cases to look at, not those of the page
  --misses  print each report whose lesson was not first, by which search, and its place
  --page    write docs/reference/recall.md
`;

const { values: options } = parseArgs({
  options: {
    dev: { type: "boolean", default: false },
    misses: { type: "boolean", default: false },
    page: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const never = new AbortController().signal;
const asked = readCases(options.dev ? "dev" : "test");
// Every lesson is there to be mistaken for another.
const cases = [...asked, ...readCases(options.dev ? "test" : "dev")];
const queries = asked.map(({ report }, right) => ({ query: report, right }));

/** The texts that are searched, by what they say. */
const searched = {
  "Lessons that say the bug as its mission named it, cause and remedy": cases.map(
    ({ bug, lesson }) => `${bug}. ${lesson}`,
  ),
  "Lessons that say cause and remedy only": cases.map(({ lesson }) => lesson),
  "The bug as its mission named it, nothing else": cases.map(({ bug }) => bug),
};

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

const byVectors = async (embedder: Embedder, texts: readonly string[]): Promise<Score> => {
  const vectors = await embedder.embed(texts, never);
  return async (query) => {
    const [asking = new Float32Array()] = await embedder.embed([query], never);
    return vectors.map((vector) => dot(asking, vector));
  };
};

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const measured = async (name: string, score: Score): Promise<Measured> => {
  const times: number[] = [];
  const found = await measure(queries, async (query) => {
    const begun = performance.now();
    const scores = await score(query);
    times.push(performance.now() - begun);
    return scores;
  });
  if (options.misses) {
    for (const [index, place] of found.places.entries()) {
      if (place > 1) process.stdout.write(`${name}: ${place}. ${queries[index]?.query}\n`);
    }
  }
  const { top1, top5, mrr } = found;
  return { name, top1, top5, mrr, queryMs: median(times) };
};

const sectionOf = async (title: string, texts: readonly string[], local: Embedder): Promise<Section> => {
  const { score: asAgents, close } = await startRecall(local, texts);
  const ways: ReadonlyArray<readonly [string, Score]> = [
    ["meaning and words, as `enchanted ask recall` (Weaviate's hybrid)", asAgents],
    ["local sentence transformer (all-MiniLM-L6-v2, quantised)", await byVectors(local, texts)],
    ["BM25", createBm25(texts)],
    ["lexical hash", await byVectors(createLexicalHash(), texts)],
  ];
  const all: Measured[] = [];
  for (const [name, score] of ways) all.push(await measured(name, score));
  await close();
  return { title, all };
};

const main = async (): Promise<void> => {
  const local = createLocalEmbedder(await ensureEmbeddingModel());
  const sections: Section[] = [];
  for (const [title, texts] of Object.entries(searched)) sections.push(await sectionOf(title, texts, local));
  await local.close();
  process.stdout.write(renderSections(sections));
  if (options.page && !options.dev) {
    const counts = { queries: queries.length, lessons: cases.length };
    const page = renderPage(sections, counts, await machineFacts(repositoryRoot));
    writeOut(join(repositoryRoot, "docs/reference/recall.md"), page);
  }
};

if (options.help) process.stdout.write(USAGE);
else await main();
