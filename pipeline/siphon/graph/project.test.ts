import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { catalog, frameTypes, type FrameType } from "#nervous-system/schemas/frames/catalog.ts";
import { anyJson, anyPayloadOf } from "#test/builders/any-payload.ts";
import { keyOf } from "./keys.ts";
import { edgeKinds } from "./model.ts";
import { project, projectInGroups } from "./project.ts";

const stored = (event_type: string, bytes: Uint8Array, envelope: Partial<Envelope> = {}): StoredFrame => ({
  envelope: {
    agent_uid: "22222222-0000-4000-8000-000000000001",
    mission_uid: "11111111-0000-4000-8000-000000000001",
    mission: "fix-bug",
    namespace: "team-a",
    lineage: 0,
    producer: "agent",
    recorder: "scribe",
    epoch: 1,
    seq: 1,
    observed: "1763701174123456789",
    event_type,
    event_id: "e",
    ...envelope,
  },
  envelopeText: "",
  bytes,
  prevHash: "0".repeat(64),
  hash: "1".repeat(64),
  place: 9,
  storedNs: 1n,
});

const saying = (event_type: string, payload: unknown, envelope: Partial<Envelope> = {}): StoredFrame =>
  stored(event_type, Buffer.from(JSON.stringify({ agent_id: "coder", payload })), envelope);

const stream = "2026-11-23T00:00:00Z";
const of = (event_type: string, payload: unknown, envelope: Partial<Envelope> = {}) =>
  project(saying(event_type, payload, envelope), stream);

const edgesOf = (...given: Parameters<typeof of>): string[] =>
  (of(...given)?.edges ?? []).map(({ kind }) => kind).toSorted();

const anyFrame = fc.oneof(
  fc
    .constantFrom(...frameTypes)
    .chain((type: FrameType) => anyPayloadOf(catalog[type].payload).map((payload) => saying(type, payload))),
  fc.tuple(fc.constantFrom(...frameTypes), anyJson).map(([type, payload]) => saying(type, payload)),
  fc.tuple(fc.constantFrom(...frameTypes), fc.uint8Array({ maxLength: 40 })).map((given) => stored(...given)),
);

describe("what the graph takes from a frame", () => {
  it("is told of any frame whatever, twice the same", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(project(frame, stream)).toEqual(project(frame, stream));
      }),
    );
  });

  it("has every end of every edge in it, under the label that the edge asks for", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const projected = project(frame, stream);
        if (projected === undefined) return;
        const { event, things, edges, dependencies } = projected;
        const there = new Set([
          ...things.map(({ label, key }) => `${label} ${key}`),
          ...event.labels.map((label) => `${label} ${event.key}`),
        ]);
        for (const { kind, from, to } of edges) {
          expect(there).toContain(`${edgeKinds[kind].from} ${from}`);
          expect(there).toContain(`${edgeKinds[kind].to} ${to}`);
        }
        for (const { file, on } of dependencies)
          for (const key of [file, ...on]) expect(there).toContain(`File ${key}`);
      }),
    );
  });

  it("names nothing that two namespaces share", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const keys = (namespace: string): string[] => {
          const projected = project({ ...frame, envelope: { ...frame.envelope, namespace } }, stream);
          return projected === undefined ? [] : [projected.event.key, ...projected.things.map(({ key }) => key)];
        };
        const ours = new Set(keys("team-a"));
        for (const key of keys("team-b")) expect(ours).not.toContain(key);
      }),
    );
  });

  it.each(["THOUGHT", "ACTION", "HEARTBEAT", "NOT_YET_INVENTED"])("is nothing of a %s", (type) => {
    expect(of(type, { text: "a" })).toBeUndefined();
  });

  it("is a file's dependencies where they are stated, and that it has none where it is gone", () => {
    const file = (path: string): string => keyOf("team-a", "11111111-0000-4000-8000-000000000001", path);
    const stated = (payload: object) => of("STATE_CHANGE", { file_modified: "a", ...payload })?.dependencies;
    expect(stated({ depends_on: ["b", "", "c"] })).toEqual([{ file: file("a"), on: [file("b"), file("c")] }]);
    expect(stated({ depends_on: [] })).toEqual([{ file: file("a"), on: [] }]);
    expect(stated({})).toEqual([]);
    expect(stated({ change: "deleted", depends_on: ["b"] })).toEqual([{ file: file("a"), on: [] }]);
    expect(stated({ change: "renamed", old_path: "z" })).toEqual([{ file: file("z"), on: [] }]);
  });

  it("is no more files than a change of a person would touch", () => {
    const many = Array.from({ length: 20_000 }, (_, n) => `f${n}`);
    expect(of("STATE_CHANGE", { file_modified: "a", depends_on: many })?.dependencies[0]?.on).toHaveLength(500);
    expect(of("PROPOSAL", { files: many.map((path) => ({ path, change: "added" })) })?.proposedFiles).toHaveLength(500);
  });

  it("is a rollback where a rollout takes an image back, or a proposal reverts a commit in Git's words", () => {
    const labels = (...given: Parameters<typeof of>) => of(...given)?.event.labels;
    expect(labels("ROLLOUT", { action: "rolled back", digest: "sha256:1" })).toEqual(["Rollout", "Rollback"]);
    expect(labels("ROLLOUT", { action: "promote", digest: "sha256:1" })).toEqual(["Rollout"]);
    const body = `why\n\nThis reverts commit ${"a".repeat(40)}.`;
    expect(labels("PROPOSAL", { body, files: [] })).toEqual(["Proposal", "Rollback"]);
    expect(labels("PROPOSAL", { body: "This reverts commit abc, and my mood.", files: [] })).toEqual(["Proposal"]);
    expect(edgesOf("PROPOSAL", { body })).toContain("REVERTED_COMMIT");
  });

  it("has no agent where a component speaks of one", () => {
    const publisher = { producer: "supervisor", recorder: "supervisor" } as const;
    expect(of("PUBLICATION", { state: "refused" }, publisher)?.things.map(({ label }) => label)).toEqual(["Mission"]);
  });

  it("is known by its place in the chain, or by its id and sender where no chain holds it", () => {
    const key = (envelope: Partial<Envelope>, principal?: string) =>
      project({ ...saying("MESSAGE", {}, envelope), principal }, stream)?.event.key;
    expect(key({ seq: 3, event_id: "a" })).toBe(key({ seq: 3, event_id: "b" }));
    expect(key({ seq: 0, event_id: "a" }, "x")).not.toBe(key({ seq: 0, event_id: "b" }, "x"));
    expect(key({ seq: 0, event_id: "a" }, "x")).not.toBe(key({ seq: 0, event_id: "a" }, "y"));
  });
});

describe("groups of frames", () => {
  const changing = (seq: number, files: number): StoredFrame =>
    saying(
      "STATE_CHANGE",
      { file_modified: "src/a.ts", depends_on: Array.from({ length: files }, (_, n) => `src/${seq}/${n}.ts`) },
      { seq },
    );
  const sizes = (frames: readonly StoredFrame[]) =>
    [...projectInGroups(frames, stream, 700)].map((group) => group.map(({ event }) => event.stamp.seq));

  it("hold every frame that the graph takes, in order, and no more rows than a transaction may", () => {
    expect(sizes([1, 2, 3, 4].map((seq) => changing(seq, 2)))).toEqual([[1, 2, 3, 4]]);
    expect(sizes([changing(1, 400), changing(2, 400), changing(3, 1), saying("THOUGHT", {})])).toEqual([[1], [2, 3]]);
    expect(sizes([changing(1, 1), changing(2, 500), changing(3, 500)])).toEqual([[1, 2], [3]]);
    expect(sizes([])).toEqual([]);
  });

  it("are made one after the other, however much a batch comes to", () => {
    let read = 0;
    const frames = Array.from({ length: 50 }, (_, n) => changing(n + 1, 500));
    const counted = new Proxy(frames, {
      get: (target, name, receiver) => {
        if (typeof name === "string" && /^\d+$/.test(name)) read = Number(name);
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
    const groups = projectInGroups(counted, stream, 1000);
    groups.next();
    expect(read).toBeLessThan(5);
  });
});

describe("a key", () => {
  it("is another of other parts, however they are cut, and short enough for an index", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (one, other) => {
        expect(keyOf(...one) === keyOf(...other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
    expect(keyOf("a", "p".repeat(200_000)).length).toBeLessThan(100);
    expect(keyOf("a", "p".repeat(200_000))).not.toBe(keyOf("a", "p".repeat(200_001)));
  });
});
