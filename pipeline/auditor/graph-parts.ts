import type { GraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import type {
  ExpectedGraph,
  FoundEdges,
  FoundEvent,
  FoundGraph,
  FoundThing,
  Stray,
} from "#pipeline/auditor/compare-graph.ts";
import * as statements from "#pipeline/auditor/graph-statements.ts";
import { findStrays, type InSlices } from "#pipeline/auditor/graph-strays.ts";
import type { EdgeKind, ThingLabel } from "#pipeline/siphon/graph/model.ts";

/** A node of a frame, as far as it says which frame that is. */
export type NodeOfFrame = {
  readonly key: string;
  readonly namespace: string;
  readonly agentUid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly eventId: string;
  readonly place: number;
  readonly stream: string;
};

/** A page of nodes of one label, by the key of the last of them, and the edges out of them that are wrong. */
type EdgePage = { readonly last: string; readonly strays: readonly Stray[] };

/** What the auditor asks the graph. Everything rejects with `Neo4jFailure`, and when the signal aborts. */
export type GraphParts = {
  /** What is there of what should be, and at it. */
  find(expected: ExpectedGraph, signal: AbortSignal): Promise<FoundGraph>;
  /** The next nodes of frames behind a key, in the order of keys; none at the end. */
  nodesBehind(key: string, most: number, signal: AbortSignal): Promise<NodeOfFrame[]>;
  /** The next nodes of a label behind a key, and edges out of them to other things that no frame made; undefined at the end. */
  edgesBehind(label: ThingLabel, key: string, most: number, signal: AbortSignal): Promise<EdgePage | undefined>;
  close(): Promise<void>;
};

const TIME_MS = 30_000;
const SLICE = 1000;

const slices = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / SLICE) }, (_, n) => all.slice(n * SLICE, (n + 1) * SLICE));

const findThings = async (ask: InSlices, things: ExpectedGraph["things"]): Promise<FoundThing[]> => {
  const found: FoundThing[] = [];
  for (const [label, ofLabel] of Map.groupBy(things, (thing) => thing.label)) {
    const rows = ofLabel.map(({ key, properties }) => ({ key, properties }));
    found.push(...(await ask<FoundThing>(statements.findThings(label), "rows", rows)));
  }
  return found;
};

const countKind = async (ask: InSlices, kind: EdgeKind, edges: ExpectedGraph["edges"]): Promise<FoundEdges[]> => {
  const rows = edges.map(({ from, to, events }) => ({ from, to, events }));
  const found = await ask<Omit<FoundEdges, "kind">>(statements.countEdges(kind), "rows", rows);
  return found.map((edge) => ({ kind, ...edge }));
};

/** Creates the questions over a client, of which they only read. */
export const createGraphParts = (client: Pick<GraphClient, "read" | "close">): GraphParts => {
  const asking =
    (signal: AbortSignal): InSlices =>
    async <Row>(statement: string, name: "rows" | "keys", all: readonly unknown[]) => {
      const found: Row[] = [];
      for (const slice of slices(all))
        found.push(...(await client.read<Row>(statement, { [name]: slice }, { signal, timeoutMs: TIME_MS })));
      return found;
    };
  return {
    find: async (expected, signal) => {
      const ask = asking(signal);
      const rows = expected.events.map(({ key, properties }) => ({ key, properties }));
      const events = await ask<FoundEvent>(statements.findEvents, "rows", rows);
      const kinds = [...Map.groupBy(expected.edges, (edge) => edge.kind)];
      const edges = await Promise.all(kinds.map(([kind, ofKind]) => countKind(ask, kind, ofKind)));
      const things = await findThings(ask, expected.things);
      return { events, things, edges: edges.flat(), strays: await findStrays(ask, expected, events) };
    },
    nodesBehind: (key, most, signal) =>
      client.read<NodeOfFrame>(statements.nodesBehind, { key, most }, { signal, timeoutMs: TIME_MS }),
    edgesBehind: async (label, key, most, signal) => {
      const limits = { signal, timeoutMs: TIME_MS };
      const [page] = await client.read<{ last: string | null }>(statements.endOfPage(label), { key, most }, limits);
      const last = page?.last ?? undefined;
      if (last === undefined) return undefined;
      return { last, strays: await client.read<Stray>(statements.straysOutOf(label), { key, last }, limits) };
    },
    close: () => client.close(),
  };
};
