import { Neo4jFailure } from "#nervous-system/stores/neo4j/failure.ts";
import type { GraphClient, RunStatement } from "#nervous-system/stores/neo4j/graph-client.ts";
import { erasedKeysOf, withoutErased, type ErasedKeys } from "#pipeline/siphon/erased-frames.ts";
import { eraseFrames } from "#pipeline/siphon/graph/erase.ts";
import { graphSettings, openGraph } from "#pipeline/siphon/graph/open-graph.ts";
import { projectInGroups } from "#pipeline/siphon/graph/project.ts";
import {
  constraintNames,
  countConstraints,
  dropIndex,
  findLeftIndexes,
  findMark,
  markPrepared,
  preparations,
} from "#pipeline/siphon/graph/schema.ts";
import {
  findAnyErased,
  findErased,
  forgetCuts,
  keepCut,
  keepErased,
  readCuts,
} from "#pipeline/siphon/graph/statements.ts";
import { writeFrames } from "#pipeline/siphon/graph/write-frames.ts";
import {
  slotOf,
  type EraseResult,
  type KeptCut,
  type Sink,
  type SinkKind,
  type SinkResult,
} from "#pipeline/siphon/sink.ts";

const resultOf = ({ kind, message: reason }: Neo4jFailure, frames: number): SinkResult => {
  // Of a batch that is too much its halves may not be; a single frame is none, so that the server was slow or full.
  if (kind === "data" || (kind === "limit" && frames > 1)) return { kind: "rejected", reason };
  return kind === "schema" ? { kind: "lost", reason } : { kind: "retryable", reason };
};

const isMarked = async (run: RunStatement): Promise<boolean> => (await run(findMark)).length === 1;

// Every statement would do without the constraints, slowly, and would one day make a node twice: nothing else says so.
const mustBePrepared = async (run: RunStatement): Promise<void> => {
  const [found] = await run<{ count: number }>(countConstraints, { names: constraintNames });
  if (found?.count !== constraintNames.length) throw new Neo4jFailure("schema", "constraints of the graph are gone");
  if (!(await isMarked(run))) throw new Neo4jFailure("schema", "the graph is not the one that was prepared");
};

/** Nodes and edges of one transaction: some seconds of Neo4j's, and some megabytes of its memory. */
const MAX_ROWS = 20_000;

/** They are kept in the transaction that erases. */
const erasedKeys = (client: Pick<GraphClient, "run">): Omit<ErasedKeys, "keep"> => ({
  isEmpty: async () => (await client.run(findAnyErased)).length === 0,
  among: async (keys) => (await client.run<{ key: string }>(findErased, { keys })).map(({ key }) => key),
});

/** The graph: who did what to which file and why, as nodes and edges of Neo4j. */
export const createGraphSink = (client: GraphClient): Sink => ({
  prepare: async () => {
    for (const { name } of await client.run<{ name: string }>(findLeftIndexes, { names: constraintNames }))
      await client.run(dropIndex(name));
    for (const statement of preparations) await client.run(statement);
    await client.write(async (run) => {
      // Cuts speak of what is in the graph: of one that was emptied they say nothing.
      if (!(await isMarked(run))) await run(forgetCuts);
      await run(markPrepared);
    });
  },
  cuts: () => client.run<KeptCut>(readCuts),
  keepCut: async (cut) => {
    await client.write((run) => run(keepCut, { key: String(slotOf(cut.number)), cut }));
  },
  write: async ({ cut, frames }, signal) => {
    try {
      const given = await withoutErased(erasedKeys(client), frames);
      for (const group of projectInGroups(given, cut.stream, MAX_ROWS)) {
        await client.write(async (run) => {
          await mustBePrepared(run);
          await writeFrames(run, group);
        }, signal);
      }
      return { kind: "written" };
    } catch (error) {
      return resultOf(error as Neo4jFailure, frames.length);
    }
  },
  erase: async (erasures, signal): Promise<EraseResult> => {
    try {
      await client.write(async (run) => {
        await run(keepErased, { keys: erasedKeysOf(erasures) });
        await eraseFrames(run, erasures);
      }, signal);
      return { kind: "written" };
    } catch (error) {
      return { kind: "retryable", reason: `the graph does not erase: ${String(error)}` };
    }
  },
  close: () => client.close(),
});

/** The graph's line in the registry. What does not become of it can be made from the ledger or the archive again, so it settles nothing. */
export const graph: SinkKind<typeof graphSettings> = {
  name: "graph",
  settings: graphSettings,
  create: (settings) => {
    const client = openGraph(settings);
    return Promise.resolve(client && createGraphSink(client));
  },
  settles: false,
  limits: { maxFrames: 4096, maxBytes: 8 * 1024 * 1024, lingerMs: 250, ackWaitMs: 120_000 },
};
