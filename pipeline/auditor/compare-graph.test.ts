import { describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { envelopeText, type Envelope } from "#nervous-system/schemas/envelope.ts";
import { project } from "#pipeline/siphon/graph/project.ts";
import {
  compareGraph,
  expectGraph,
  type FoundEdges,
  type FoundEvent,
  type FoundThing,
  type Stray,
} from "#pipeline/auditor/compare-graph.ts";

const uid = "22222222-0000-4000-8000-000000000001";

const frameOf = (seq: number, type: string, payload: object): StoredFrame => {
  const envelope: Envelope = {
    agent_uid: uid,
    mission_uid: "m",
    mission: "m",
    namespace: "team-a",
    lineage: 0,
    producer: "agent",
    recorder: "scribe",
    epoch: 1,
    seq,
    observed: "1764000000000000000",
    event_type: type,
    event_id: String(seq),
  };
  const bytes = Buffer.from(JSON.stringify({ event_type: type, payload }));
  const [prevHash, hash] = ["0", String(seq)];
  return { envelope, envelopeText: envelopeText(envelope), bytes, prevHash, hash, place: 512 + seq, storedNs: 1n };
};

const change = { file_modified: "a.ts", change: "modified" };
const frames = [
  frameOf(1, "THOUGHT", { text: "not in the graph" }),
  frameOf(2, "STATE_CHANGE", change),
  frameOf(3, "STATE_CHANGE", change),
  frameOf(4, "DECISION_RATIONALE", { reasoning: "so" }),
  frameOf(2, "STATE_CHANGE", change), // stored again
];
const expectOf = (some: readonly StoredFrame[]) => expectGraph(some.flatMap((frame) => project(frame, "s") ?? []));
const expected = expectOf(frames);

/** A graph as it should be. */
const things = expected.things.map(({ key }) => ({ key, same: true }));
const found = (): { events: FoundEvent[]; things: FoundThing[]; edges: FoundEdges[]; strays: Stray[] } => ({
  things,
  strays: [],
  events: expected.events.map(({ key, labels, hash }) => ({ key, labels: labels.toReversed(), hash, same: true })),
  edges: expected.edges.map(({ kind, from, to, once, events }) => ({
    kind,
    from,
    to,
    count: once ? 1 : events.length,
  })),
});

describe("a graph, compared with what its rules make of the frames", () => {
  it("has a node of each frame that is projected, and the edges that follow from it, once", () => {
    expect(expected.events.map(({ seq, labels }) => [seq, ...labels])).toEqual([
      [2, "Change", "Event"],
      [3, "Change", "Event"],
      [4, "Decision", "Event"],
    ]);
    expect(expected.edges.map(({ kind, events }) => [kind, events.length])).toEqual([
      ["TRIGGERED_ACTION", 3],
      ["MODIFIED", 2],
      ["OF", 1],
      ["OF", 1],
      ["DECIDED", 1],
    ]);
  });

  it("has no edge from a chain that is no agent", () => {
    const ofComponent = frames.map((frame) => ({
      ...frame,
      envelope: { ...frame.envelope, producer: "gateway" as const },
    }));
    expect(expectOf(ofComponent).edges.map(({ kind }) => kind)).toEqual(["OF", "OF"]);
  });

  it("is right where it is so", () => {
    expect(compareGraph(expected, found())).toEqual([]);
  });

  it.each(expected.events.map((_, at) => at))("misses node %d, and knows one that was changed", (at) => {
    const graph = found();
    const [node] = graph.events.splice(at, 1);
    const fault = { store: "graph", subject: `${uid}/1`, what: `node ${node!.key}` };
    expect(compareGraph(expected, graph)).toMatchObject([{ ...fault, kind: "missing" }]);
    const words = { ...node!, same: false };
    expect(compareGraph(expected, { ...graph, events: [...graph.events, words] })).toMatchObject([{ kind: "altered" }]);
    const labels = { ...node!, labels: ["Event"] };
    expect(compareGraph(expected, { ...graph, events: [...graph.events, labels] })).toMatchObject([
      { kind: "altered" },
    ]);
  });

  it.each(things.map((_, at) => at))("misses thing %d, and knows one that was changed", (at) => {
    const graph = { ...found(), things: things.toSpliced(at, 1) };
    const what = expect.stringContaining(things[at]?.key ?? "");
    expect(compareGraph(expected, graph)).toMatchObject([{ kind: "missing", subject: `${uid}/1`, what }]);
    const changed = { ...found(), things: things.with(at, { ...things[at]!, same: false }) };
    expect(compareGraph(expected, changed)).toMatchObject([{ kind: "altered", subject: `${uid}/1`, what }]);
  });

  it("knows an edge that no frame made, and whose frame it says that it follows from", () => {
    const [event] = expected.events;
    const stray = { type: "DECIDED", from: "nobody", to: event!.key, event: event!.key };
    const what = `edge DECIDED from nobody to ${event!.key}`;
    expect(compareGraph(expected, { ...found(), strays: [stray] })).toEqual([
      { store: "graph", kind: "unknown", subject: `${uid}/1`, place: event!.place, what },
    ]);
  });

  it.each(expected.edges.map((_, at) => at))("misses edge %d, and knows one that is there once more", (at) => {
    const edgesWith = (more: number): FoundEdges[] =>
      found().edges.map((edge, n) => (n === at ? { ...edge, count: edge.count + more } : edge));
    const graph = found();
    expect(compareGraph(expected, { ...graph, edges: edgesWith(-1) })).toMatchObject([{ kind: "missing" }]);
    expect(compareGraph(expected, { ...graph, edges: edgesWith(1) })).toMatchObject([{ kind: "doubled" }]);
    expect(compareGraph(expected, { ...graph, edges: graph.edges.toSpliced(at, 1) })).toMatchObject([
      { kind: "missing" },
    ]);
  });

  it("takes an external client's event that was sent again, whichever of the two is in it", () => {
    const external = frames.slice(3, 4).map((frame) => ({ ...frame, envelope: { ...frame.envelope, seq: 0 } }));
    const wanted = expectOf(external);
    const events = wanted.events.map(({ key, labels }) => ({ key, labels, hash: "of before", same: false }));
    const edges = wanted.edges.map(({ kind, from, to }) => ({ kind, from, to, count: 1 }));
    const ofIt = wanted.things.map(({ key }) => ({ key, same: true }));
    expect(compareGraph(wanted, { events, things: ofIt, edges, strays: [] })).toEqual([]);
  });
});
