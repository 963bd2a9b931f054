import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { asBatch, startTestGraph, type TestGraph } from "#test/integration/pipeline/graph-harness.ts";
import type { Cleanup } from "#test/integration/pipeline/bus-harness.ts";
import type { Violation } from "#test/simulation/checker.ts";

/** Label of the node, and type of an edge, that each frame of a type has exactly one of. */
const projected: ReadonlyArray<readonly [frame: string, label: string, edge: string]> = [
  ["DECISION_RATIONALE", "Decision", "DECIDED"],
  ["STATE_CHANGE", "Change", "MODIFIED"],
  ["MESSAGE", "Message", "SENT"],
  ["PROPOSAL", "Proposal", "PROPOSED"],
  ["PUBLICATION", "Publication", "ABOUT"],
  ["ROLLOUT", "Rollout", "ROLLED_OUT|REVERTED"],
  ["LIFECYCLE", "Lifecycle", ""],
];

const RULE = "the graph holds what the frames say";

const countOf = async ({ client }: TestGraph, pattern: string): Promise<number> => {
  const [row] = await client.run<{ n: number }>(`MATCH ${pattern} RETURN count(*) AS n`);
  return row?.n ?? 0;
};

/** Nodes and edges of each projected type, beside a count of the frames themselves. */
const judgeCounts = async (graph: TestGraph, stream: readonly StoredFrame[]): Promise<Violation[]> => {
  const violations: Violation[] = [];
  const expect = (what: string, found: number, wanted: number): void => {
    if (found !== wanted) violations.push({ rule: RULE, why: `${found} ${what} of ${wanted} frames` });
  };
  for (const [type, label, edge] of projected) {
    const frames = stream.filter(({ envelope }) => envelope.event_type === type).length;
    expect(`nodes ${label}`, await countOf(graph, `(n:${label})`), frames);
    if (edge !== "") expect(`edges ${edge}`, await countOf(graph, `()-[:${edge}]->()`), frames);
  }
  return violations;
};

/** Each frame's node once, with its hash, and none of another frame. */
const judgeHashes = async (graph: TestGraph, stream: readonly StoredFrame[]): Promise<Violation[]> => {
  const types = new Set(projected.map(([type]) => type));
  const wanted = stream.filter(({ envelope }) => types.has(envelope.event_type)).map(({ hash }) => hash);
  const isSame = JSON.stringify(await graph.hashes()) === JSON.stringify(wanted);
  return isSame ? [] : [{ rule: RULE, why: "the hashes of its frames are not those of the stream" }];
};

const BATCH = 2_000;

/** What a sink that nobody disturbs makes of the same frames in a graph of its own. */
const undisturbed = async (cleanup: Cleanup, stream: readonly StoredFrame[], created: string): Promise<TestGraph> => {
  const graph = await startTestGraph(cleanup);
  const sink = graph.sink();
  await sink.prepare();
  for (let from = 0; from < stream.length; from += BATCH) {
    const batch = asBatch(stream.slice(from, from + BATCH), created);
    const result = await sink.write(batch, new AbortController().signal);
    if (result.kind !== "written") throw new Error(JSON.stringify(result));
  }
  await sink.close();
  return graph;
};

const firstDifference = (held: readonly string[], wanted: readonly string[]): string => {
  const [there, expected] = [new Set(held), new Set(wanted)];
  const more = held.find((one) => !expected.has(one));
  const missing = wanted.find((one) => !there.has(one));
  return `${held.length} instead of ${wanted.length}; too much is ${more ?? "nothing"}, ${missing ?? "nothing"} is missing`;
};

/** Counts by type, hashes, and every node and edge with its properties beside a graph that was written without any kill. */
export const judgeGraph = async (
  graph: TestGraph,
  stream: readonly StoredFrame[],
  { created, cleanup }: { readonly created: string; readonly cleanup: Cleanup },
): Promise<Violation[]> => {
  const counted = [...(await judgeCounts(graph, stream)), ...(await judgeHashes(graph, stream))];
  const held = await graph.dump();
  const wanted = await (await undisturbed(cleanup, stream, created)).dump();
  const differing = (["nodes", "edges"] as const).flatMap((part) => {
    if (JSON.stringify(held[part]) === JSON.stringify(wanted[part])) return [];
    return [
      { rule: "the graph is the one of a sink that nobody killed", why: firstDifference(held[part], wanted[part]) },
    ];
  });
  return [...counted, ...differing];
};
