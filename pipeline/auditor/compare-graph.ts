import type { Fault } from "#pipeline/auditor/finding.ts";
import { edgeKinds, type Edge, type Projected, type Thing } from "#pipeline/siphon/graph/model.ts";
import { firstOfEach } from "#pipeline/siphon/graph/rows.ts";

/** The node of a frame as the graph must have it. */
type ExpectedEvent = {
  readonly key: string;
  readonly labels: readonly string[];
  readonly hash: string;
  readonly chain: string;
  readonly seq: number;
  readonly place: number;
};

/** Edges of one kind between two nodes, by the frames that they follow from. */
type ExpectedEdges = Edge & {
  readonly once: boolean;
  /** Keys of the frames, one for each edge. */
  readonly events: readonly string[];
  readonly chain: string;
  readonly place: number;
};

/** A node of what frames speak of, and the chain of the first of them. */
type ExpectedThing = Pick<Thing, "label" | "key"> & { readonly chain: string; readonly place: number };

/** What frames must have left in the graph. */
export type ExpectedGraph = {
  readonly events: readonly ExpectedEvent[];
  readonly things: readonly ExpectedThing[];
  readonly edges: readonly ExpectedEdges[];
};

/** What is there of it; of things their keys. */
export type FoundGraph = {
  readonly events: readonly FoundEvent[];
  readonly things: readonly string[];
  readonly edges: readonly FoundEdges[];
};

/** A node of a frame, as the graph has it. */
export type FoundEvent = { readonly key: string; readonly labels: readonly string[]; readonly hash: string | null };

/** How many edges of a kind and between two nodes there are that follow from the frames which were asked for. */
export type FoundEdges = Edge & { readonly count: number };

const LABEL_OF_ALL = "Event";

const chainOf = ({ stamp }: Projected["event"]): string => `${stamp.agent_uid}/${stamp.epoch}`;

const eventOf = ({ event }: Projected): ExpectedEvent => ({
  key: event.key,
  labels: [LABEL_OF_ALL, ...event.labels].toSorted(),
  hash: String(event.properties["hash"] ?? ""),
  chain: chainOf(event),
  seq: event.stamp.seq,
  place: event.stamp.place,
});

const thingsOf = (frames: readonly Projected[]): ExpectedThing[] =>
  firstOfEach(
    frames.flatMap(({ event, things }) =>
      things.map(({ label, key }) => ({ label, key, chain: chainOf(event), place: event.stamp.place })),
    ),
  );

const edgeId = ({ kind, from, to }: Edge): string => JSON.stringify([kind, from, to]);

/** The edges whose ends the frame itself makes: a component's chain is no agent, so what it would do from there is not in the graph. */
const edgesOfFrame = ({ event, edges, things }: Projected) => {
  const ends = new Set([event.key, ...things.map(({ key }) => key)]);
  return edges.filter(({ from, to }) => ends.has(from) && ends.has(to)).map((edge) => ({ ...edge, event }));
};

const edgesOf = (frames: readonly Projected[]): ExpectedEdges[] => {
  const edges = frames.flatMap(edgesOfFrame);
  return [...Map.groupBy(edges, edgeId).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { kind, from, to, event } = first;
    const events = group.map((edge) => edge.event.key);
    const { place } = event.stamp;
    return [{ kind, from, to, once: "once" in edgeKinds[kind], events, chain: chainOf(event), place }];
  });
};

/**
 * What the graph's own rules make of projected frames: the nodes of frames, and the edges that follow from a frame by itself.
 * What follows from several (LED_TO, IN, TOLD, DEPENDS_ON, PART_OF of a proposal) is not among it.
 */
export const expectGraph = (projected: readonly Projected[]): ExpectedGraph => {
  const once = firstOfEach(projected.map((frame) => ({ key: frame.event.key, frame }))).map(({ frame }) => frame);
  return { events: once.map(eventOf), things: thingsOf(once), edges: edgesOf(once) };
};

const compareEvent = (expected: ExpectedEvent, found: FoundEvent | undefined): Fault["kind"] | undefined => {
  if (found === undefined) return "missing";
  // An external client's event that was sent again has the hash of whichever came first.
  const isHash = found.hash === expected.hash || expected.seq === 0;
  const isLabelled = found.labels.toSorted().join() === expected.labels.join();
  return isHash && isLabelled ? undefined : "altered";
};

const compareEdges = ({ once, events }: ExpectedEdges, count: number): Fault["kind"] | undefined => {
  const wanted = once ? 1 : events.length;
  if (count === wanted) return undefined;
  return count < wanted ? "missing" : "doubled";
};

/** Compares what must be in the graph with what is. */
export const compareGraph = ({ events, things, edges }: ExpectedGraph, found: FoundGraph): Fault[] => {
  const nodes = new Map(found.events.map((event) => [event.key, event]));
  const counts = new Map(found.edges.map((edge) => [edgeId(edge), edge.count]));
  const ofNodes = events.flatMap((event): Fault[] => {
    const kind = compareEvent(event, nodes.get(event.key));
    const { chain: subject, place } = event;
    return kind === undefined ? [] : [{ store: "graph", kind, subject, place, what: `node ${event.key}` }];
  });
  const thingKeys = new Set(found.things);
  const ofThings = things
    .filter(({ key }) => !thingKeys.has(key))
    .map(({ label, key, chain: subject, place }): Fault => {
      return { store: "graph", kind: "missing", subject, place, what: `${label} ${key}` };
    });
  const ofEdges = edges.flatMap((edge): Fault[] => {
    const kind = compareEdges(edge, counts.get(edgeId(edge)) ?? 0);
    const { chain: subject, place } = edge;
    const what = `edge ${edge.kind} from ${edge.from} to ${edge.to}`;
    return kind === undefined ? [] : [{ store: "graph", kind, subject, place, what }];
  });
  return [...ofNodes, ...ofThings, ...ofEdges];
};
