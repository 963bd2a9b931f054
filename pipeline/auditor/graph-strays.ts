import type { ExpectedGraph, FoundEvent, Stray } from "#pipeline/auditor/compare-graph.ts";
import * as statements from "#pipeline/auditor/graph-statements.ts";
import { edgeKinds, type EdgeKind, type ThingLabel } from "#pipeline/siphon/graph/model.ts";

/** Asks the graph for rows, some at a time. */
export type InSlices = <Row>(
  statement: string,
  name: "rows" | "keys",
  all: readonly unknown[],
) => Promise<readonly Row[]>;

const typeOf = (kind: EdgeKind): string => {
  const { type = kind }: { from: string; type?: string } = edgeKinds[kind];
  return type;
};

const idOf = ({ type, from, to, event }: Stray): string => JSON.stringify([type, from, to, event]);

const expectedEdges = ({ edges }: ExpectedGraph): Stray[] =>
  edges.flatMap(({ kind, from, to, events }) => events.map((event) => ({ type: typeOf(kind), from, to, event })));

/** Those of the frames that are the ones in the graph: an external client's event may be there as another sending told it. */
const framesThere = ({ events }: ExpectedGraph, found: readonly FoundEvent[]): ReadonlySet<string> => {
  const hashes = new Map(found.map(({ key, hash }) => [key, hash]));
  return new Set(events.filter(({ key, hash }) => hashes.get(key) === hash).map(({ key }) => key));
};

const keysOf = ({ things }: ExpectedGraph, label: ThingLabel): string[] =>
  things.flatMap((thing) => (thing.label === label ? [thing.key] : []));

/** Edges at the nodes of these frames, or that say that they follow from them, and do not. */
export const findStrays = async (
  ask: InSlices,
  expected: ExpectedGraph,
  found: readonly FoundEvent[],
): Promise<Stray[]> => {
  const there = framesThere(expected, found);
  const edges = expectedEdges(expected);
  const byFrame = Map.groupBy(edges, ({ event }) => event);
  const rows = [...there].map((key) => {
    const ofFrame = (byFrame.get(key) ?? []).filter(({ from, to }) => from === key || to === key);
    return { key, edges: ofFrame.map(({ type, from, to }) => [type, from, to]) };
  });
  const atEvents = await ask<Stray>(statements.straysAtEvents, "rows", rows);
  const ofThings = [
    ...(await ask<Stray>(statements.edgesOfAgents, "keys", keysOf(expected, "Agent"))),
    ...(await ask<Stray>(statements.commitsOfPullRequests, "keys", keysOf(expected, "PullRequest"))),
  ];
  const known = new Set(edges.map(idOf));
  // Of other frames other files tell.
  return [...atEvents, ...ofThings.filter((edge) => there.has(edge.event) && !known.has(idOf(edge)))];
};
