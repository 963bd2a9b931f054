import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { foldDependencies, type KnownDependencies, type StatedDependencies } from "./dependencies.ts";
import type { Stamp } from "./model.ts";

const stampAt = (place: number, stream = "2026"): Stamp => ({
  agent_uid: "a",
  epoch: 1,
  seq: place,
  event_id: `e${place}`,
  at: `t${place}`,
  place,
  stream,
});

const stating = (place: number, file: string, on: readonly string[], stream?: string): StatedDependencies => ({
  file,
  on,
  event: `e${place}`,
  stamp: stampAt(place, stream),
});

type Edge = { from: string; to: string; since: number; until: number };

/** The edges after batches of some size, as the graph would hold them. */
const foldedInBatches = (statements: readonly StatedDependencies[], size: number): Edge[] => {
  const edges: Edge[] = [];
  const said = new Map<string, Stamp>();
  const known = (): Map<string, KnownDependencies> =>
    new Map(
      [...new Set(statements.map(({ file }) => file))].map((file) => {
        const on = edges.filter(({ from, until }) => from === file && until === Infinity).map(({ to }) => to);
        return [file, { on, said: said.get(file) }];
      }),
    );
  for (let at = 0; at < statements.length; at += size) {
    const changes = foldDependencies(known(), statements.slice(at, at + size));
    for (const { from, to, end } of changes.ended) {
      const edge = edges.find((one) => one.from === from && one.to === to && one.until === Infinity);
      if (edge !== undefined) edge.until = end.place;
    }
    for (const { from, to, stamp, end } of changes.begun)
      edges.push({ from, to, since: stamp.place, until: end?.place ?? Infinity });
    for (const [file, stamp] of changes.said) said.set(file, stamp);
  }
  return edges;
};

/** What a file depended on at a place, said in one line: what its last statement until then names. */
const dependedAt = (statements: readonly StatedDependencies[], file: string, place: number): string[] => {
  const last = statements.findLast((one) => one.file === file && one.stamp.place <= place);
  return [...new Set(last?.on)].toSorted();
};

const anyStatements = fc
  .array(fc.tuple(fc.constantFrom("x", "y"), fc.array(fc.constantFrom("a", "b", "c", "x"), { maxLength: 3 })), {
    maxLength: 12,
  })
  .map((given) => given.map(([file, on], index) => stating(index + 1, file, on)));

describe("foldDependencies", () => {
  it("says at every place what the last statement says, in batches of any size", () => {
    fc.assert(
      fc.property(anyStatements, fc.integer({ min: 1, max: 5 }), (statements, size) => {
        const edges = foldedInBatches(statements, size);
        for (const file of ["x", "y"])
          for (let place = 0; place <= statements.length; place += 1) {
            const open = edges.filter(({ from, since, until }) => from === file && since <= place && place < until);
            expect(open.map(({ to }) => to).toSorted()).toEqual(dependedAt(statements, file, place));
          }
      }),
    );
  });

  it("keeps the edge of what is stated again", () => {
    const { begun, ended } = foldDependencies(new Map([["x", { on: ["a", "b"] }]]), [stating(5, "x", ["b", "c"])]);
    expect(begun).toMatchObject([{ from: "x", to: "c" }]);
    expect(ended).toMatchObject([{ from: "x", to: "a", end: { place: 5 } }]);
  });

  it("lets the newest statement win, by place and before that by stream", () => {
    const known = new Map([["x", { on: ["a"], said: { stream: "2026", place: 9 } }]]);
    const nothing = { begun: [], ended: [], said: new Map() };
    expect(foldDependencies(known, [stating(8, "x", ["b"])])).toEqual(nothing);
    expect(foldDependencies(known, [stating(100, "x", ["b"], "2025")])).toEqual(nothing);
    expect(foldDependencies(known, [stating(1, "x", ["b"], "2027")]).begun).toMatchObject([{ to: "b" }]);
  });
});
