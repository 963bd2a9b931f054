import type { GraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import type { ExpectedGraph, FoundEdges, FoundEvent, FoundGraph } from "#pipeline/auditor/compare-graph.ts";
import { edgeKinds, type EdgeKind, type ThingLabel } from "#pipeline/siphon/graph/model.ts";

/** A node of a frame, as far as it says which frame that is. */
export type NodeOfFrame = {
  readonly key: string;
  readonly agentUid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly eventId: string;
  readonly place: number;
  readonly stream: string;
};

/** What the auditor asks the graph. Everything rejects with `Neo4jFailure`, and when the signal aborts. */
export type GraphParts = {
  /** What is there of what should be. */
  find(expected: ExpectedGraph, signal: AbortSignal): Promise<FoundGraph>;
  /** The next nodes of frames behind a key, in the order of keys; none at the end. */
  nodesBehind(key: string, most: number, signal: AbortSignal): Promise<NodeOfFrame[]>;
  close(): Promise<void>;
};

const findEvents =
  "UNWIND $keys AS key MATCH (e:Event {key: key}) RETURN e.key AS key, labels(e) AS labels, e.hash AS hash";

const findThings = (label: ThingLabel): string =>
  `UNWIND $keys AS key MATCH (n:${label} {key: key}) RETURN n.key AS key`;

/** Counts the edges of rows `{from, to, events}`; of a kind of which there is one a pair, whichever frame it followed from. */
const countEdges = (kind: EdgeKind): string => {
  const { from, to, once, type = kind }: { from: string; to: string; once?: true; type?: string } = edgeKinds[kind];
  return `
UNWIND $rows AS row
MATCH (a:${from} {key: row.from})-[r:${type}]->(b:${to} {key: row.to})${once === true ? "" : " WHERE r.event IN row.events"}
RETURN row.from AS from, row.to AS to, count(r) AS count`;
};

const nodesBehind = `
MATCH (e:Event) USING INDEX e:Event(key) WHERE e.key > $key
RETURN e.key AS key, e.agent_uid AS agentUid, e.epoch AS epoch, e.seq AS seq, e.event_id AS eventId, e.place AS place,
  e.stream AS stream
ORDER BY e.key LIMIT toInteger($most)`;

const TIME_MS = 30_000;
const SLICE = 1000;

const slices = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / SLICE) }, (_, n) => all.slice(n * SLICE, (n + 1) * SLICE));

/** Creates the questions over a client, of which they only read. */
export const createGraphParts = (client: Pick<GraphClient, "read" | "close">): GraphParts => {
  const edgesOfKind = async (
    kind: EdgeKind,
    edges: ExpectedGraph["edges"],
    signal: AbortSignal,
  ): Promise<FoundEdges[]> => {
    const rows = edges.map(({ from, to, events }) => ({ from, to, events }));
    const limits = { signal, timeoutMs: TIME_MS };
    const found = await client.read<Omit<FoundEdges, "kind">>(countEdges(kind), { rows }, limits);
    return found.map((edge) => ({ kind, ...edge }));
  };
  const thingsThere = async (things: ExpectedGraph["things"], signal: AbortSignal): Promise<string[]> => {
    const found: string[] = [];
    for (const [label, ofLabel] of Map.groupBy(things, (thing) => thing.label))
      for (const slice of slices(ofLabel)) {
        const keys = slice.map(({ key }) => key);
        const rows = await client.read<{ key: string }>(findThings(label), { keys }, { signal, timeoutMs: TIME_MS });
        found.push(...rows.map(({ key }) => key));
      }
    return found;
  };

  const countKind = async (
    kind: EdgeKind,
    edges: ExpectedGraph["edges"],
    signal: AbortSignal,
  ): Promise<FoundEdges[]> => {
    const found: FoundEdges[] = [];
    for (const slice of slices(edges)) found.push(...(await edgesOfKind(kind, slice, signal)));
    return found;
  };

  return {
    find: async ({ events, things, edges }, signal) => {
      const found: { events: FoundEvent[] } = { events: [] };
      const limits = { signal, timeoutMs: TIME_MS };
      for (const slice of slices(events.map(({ key }) => key)))
        found.events.push(...(await client.read<FoundEvent>(findEvents, { keys: slice }, limits)));
      const kinds = [...Map.groupBy(edges, (edge) => edge.kind)];
      const ofKinds = await Promise.all(kinds.map(([kind, ofKind]) => countKind(kind, ofKind, signal)));
      return { ...found, things: await thingsThere(things, signal), edges: ofKinds.flat() };
    },
    nodesBehind: (key, most, signal) =>
      client.read<NodeOfFrame>(nodesBehind, { key, most }, { signal, timeoutMs: TIME_MS }),
    close: () => client.close(),
  };
};
