import type { Fault } from "#pipeline/auditor/finding.ts";
import {
  edgeKinds,
  type Edge,
  type Projected,
  type Properties,
  type Thing,
  type ThingLabel,
} from "#pipeline/siphon/graph/model.ts";
import { firstOfEach } from "#pipeline/siphon/graph/rows.ts";

/** The node of a frame as the graph must have it. */
type ExpectedEvent = {
  readonly key: string;
  readonly labels: readonly string[];
  readonly hash: string;
  /** Everything that it says, where it was stored included. */
  readonly properties: Properties;
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

/** A node of what frames speak of with what every one of them says of it, and the chain of the first of them. */
type ExpectedThing = Thing & { readonly chain: string; readonly place: number };

/** What frames must have left in the graph. */
export type ExpectedGraph = {
  readonly events: readonly ExpectedEvent[];
  readonly things: readonly ExpectedThing[];
  readonly edges: readonly ExpectedEdges[];
};

/** An edge that should not be, by its type in the graph, and the key of the frame that it says it follows from; empty where it says none. */
export type Stray = { readonly type: string; readonly from: string; readonly to: string; readonly event: string };

/** What is there of it, and edges at it that should not be. */
export type FoundGraph = {
  readonly events: readonly FoundEvent[];
  readonly things: readonly FoundThing[];
  readonly edges: readonly FoundEdges[];
  readonly strays: readonly Stray[];
};

/** A node that is there, and whether it says what it should. */
export type FoundThing = { readonly key: string; readonly same: boolean };

/** A node of a frame, as the graph has it. */
export type FoundEvent = FoundThing & { readonly labels: readonly string[]; readonly hash: string | null };

/** How many edges of a kind and between two nodes there are that follow from the frames which were asked for. */
export type FoundEdges = Edge & { readonly count: number };

const LABEL_OF_ALL = "Event";

const chainOf = ({ stamp }: Projected["event"]): string => `${stamp.agent_uid}/${stamp.epoch}`;

const eventOf = ({ event }: Projected): ExpectedEvent => ({
  key: event.key,
  labels: [LABEL_OF_ALL, ...event.labels].toSorted(),
  hash: String(event.properties["hash"] ?? ""),
  properties: { ...event.properties, ...event.stamp, key: event.key },
  chain: chainOf(event),
  seq: event.stamp.seq,
  place: event.stamp.place,
});

// Of the others the first frame decides, which may stand in another file: names, numbers, and what is kept up to date.
const saidByAll: { readonly [L in ThingLabel]: readonly string[] } = {
  Mission: ["namespace", "uid", "name"],
  Agent: ["namespace", "uid", "mission"],
  Persona: ["namespace", "name"],
  File: ["namespace", "mission_uid", "path"],
  Commit: ["namespace", "sha"],
  PullRequest: ["namespace", "url"],
  Image: ["namespace", "digest"],
};

const saidOf = ({ label, properties }: Thing): Properties =>
  Object.fromEntries(saidByAll[label].map((name) => [name, properties[name]]));

const thingsOf = (frames: readonly Projected[]): ExpectedThing[] =>
  firstOfEach(
    frames.flatMap(({ event, things }) =>
      things.map((thing) => {
        const { label, key } = thing;
        return { label, key, properties: saidOf(thing), chain: chainOf(event), place: event.stamp.place };
      }),
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
  const isLabelled = found.labels.toSorted().join() === expected.labels.join();
  // An external client's event that was sent again says what whichever came first says.
  const isOther = expected.seq === 0 && found.hash !== expected.hash;
  return isLabelled && (isOther || found.same) ? undefined : "altered";
};

const compareEdges = ({ once, events }: ExpectedEdges, count: number): Fault["kind"] | undefined => {
  const wanted = once ? 1 : events.length;
  if (count === wanted) return undefined;
  return count < wanted ? "missing" : "doubled";
};

const compareThing = (found: FoundThing | undefined): Fault["kind"] | undefined => {
  if (found === undefined) return "missing";
  return found.same ? undefined : "altered";
};

type Whose = { readonly chain: string; readonly place: number };

const faultOf = (kind: Fault["kind"] | undefined, { chain: subject, place }: Whose, what: string): Fault[] =>
  kind === undefined ? [] : [{ store: "graph", kind, subject, place, what }];

/** Compares what must be in the graph with what is. */
export const compareGraph = ({ events, things, edges }: ExpectedGraph, found: FoundGraph): Fault[] => {
  const nodes = new Map(found.events.map((event) => [event.key, event]));
  const known = new Map(found.things.map((thing) => [thing.key, thing]));
  const counts = new Map(found.edges.map((edge) => [edgeId(edge), edge.count]));
  const whose = new Map(events.map((event) => [event.key, event]));
  return [
    ...events.flatMap((event) => faultOf(compareEvent(event, nodes.get(event.key)), event, `node ${event.key}`)),
    ...things.flatMap((thing) => faultOf(compareThing(known.get(thing.key)), thing, `${thing.label} ${thing.key}`)),
    ...edges.flatMap((edge) =>
      faultOf(
        compareEdges(edge, counts.get(edgeId(edge)) ?? 0),
        edge,
        `edge ${edge.kind} from ${edge.from} to ${edge.to}`,
      ),
    ),
    ...found.strays.flatMap(({ type, from, to, event }) => {
      const frame = whose.get(event);
      return frame === undefined ? [] : faultOf("unknown", frame, `edge ${type} from ${from} to ${to}`);
    }),
  ];
};
