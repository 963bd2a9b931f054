import type { CollectionDefinition } from "#nervous-system/stores/weaviate/collection.ts";
import { objectIdOf } from "#nervous-system/stores/weaviate/object-id.ts";
import type { FoundObject, NewObject } from "#nervous-system/stores/weaviate/vector-client.ts";
import { slotOf, type KeptCut } from "#pipeline/siphon/sink.ts";

/** The cuts that the memory's sink began: an object a slot. */
export const cutsCollection = {
  name: "MemoryCut",
  description: "How far the stream is in the memory.",
  properties: { number: "range", stream: "stored", first_place: "range", last_place: "range", hash: "stored" },
  tenants: false,
} as const satisfies CollectionDefinition;

/** The object that keeps a cut, in place of the one of its slot. */
export const cutObject = ({ number, stream, from, to, hash }: KeptCut): NewObject => ({
  id: objectIdOf("memory cut", slotOf(number)),
  properties: { number, stream, first_place: from, last_place: to, hash },
});

/** The cuts that objects keep, newest first. */
export const cutsOf = (objects: readonly FoundObject[]): KeptCut[] =>
  objects
    .map(({ properties: { number, stream, first_place, last_place, hash } }) => ({
      number: Number(number),
      stream: String(stream),
      from: Number(first_place),
      to: Number(last_place),
      hash: String(hash),
    }))
    .toSorted((a, b) => b.number - a.number);
