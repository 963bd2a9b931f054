import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import { createStore, type StoreChange } from "#nervous-system/kubernetes/store.ts";

type Thing = KubeObject & { colour: string };

const thing = (name: string, resourceVersion: string, colour = "red", uid = `uid-${name}`): Thing => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { namespace: "n", name, uid, resourceVersion, creationTimestamp: "" },
  colour,
});
const createThings = () => createStore<Thing>({ colour: (object) => [object.colour] });
const told = (changes: readonly StoreChange<Thing>[]): string[] =>
  changes.map(({ kind, object }) => `${kind} ${object.metadata.name}@${object.metadata.resourceVersion}`);

describe("store", () => {
  it("tells an update with what was there before, and nothing for what it knows already", () => {
    const store = createThings();
    expect(told(store.upsert(thing("a", "1")))).toEqual(["added a@1"]);
    expect(store.upsert(thing("a", "1"))).toEqual([]);
    expect(store.upsert(thing("a", "2"))).toMatchObject([
      { kind: "updated", previous: { metadata: { resourceVersion: "1" } } },
    ]);
  });

  it("tells deletes that nobody saw when it is replaced", () => {
    const store = createThings();
    store.replace([thing("a", "1"), thing("b", "2")]);
    expect(told(store.replace([thing("b", "2"), thing("c", "3")]))).toEqual(["deleted a@1", "added c@3"]);
  });

  it("tells an object that was replaced by another of its name as deleted and added", () => {
    const store = createThings();
    store.upsert(thing("a", "1"));
    expect(told(store.replace([thing("a", "5", "red", "another")]))).toEqual(["deleted a@1", "added a@5"]);
  });

  it("refuses an index that was not declared", () => {
    expect(() => createThings().byIndex("size", "L")).toThrow('no index "size"');
  });

  it("answers an index exactly as a search through all objects would", () => {
    const change = fc.record({
      name: fc.constantFrom("a", "b", "c", "d"),
      colour: fc.constantFrom("red", "blue"),
      remove: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const store = createThings();
        changes.forEach(({ name, colour, remove }, i) => {
          if (remove) store.remove(thing(name, String(i)));
          else store.upsert(thing(name, String(i), colour));
        });
        for (const colour of ["red", "blue"]) {
          const searched = [...store.values()].filter((object) => object.colour === colour);
          expect(new Set(store.byIndex("colour", colour))).toEqual(new Set(searched));
        }
      }),
    );
  });
});
