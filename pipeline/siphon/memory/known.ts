import type { Condition } from "#nervous-system/stores/weaviate/conditions.ts";
import {
  memoryCollections,
  memoryKinds,
  memoryPropertiesOf,
  type MemoryKind,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import type { VectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import type { Known } from "#pipeline/siphon/memory/plan.ts";
import { isBefore } from "#pipeline/siphon/moment.ts";
import type { Projection } from "#pipeline/siphon/memory/project.ts";

// Far below what Weaviate answers at once, and what a filter may hold.
const VALUES_AT_ONCE = 250;
const MOST_FOUND = 5_000;

const slices = (values: Iterable<string>): string[][] => {
  const all = [...new Set(values)];
  return Array.from({ length: Math.ceil(all.length / VALUES_AT_ONCE) }, (_, at) =>
    all.slice(at * VALUES_AT_ONCE, (at + 1) * VALUES_AT_ONCE),
  );
};

/** Lessons by the events that told them, whether as the first or once more. */
const toldBy = (anyOf: readonly string[]): Condition[] => [
  { property: "event_id", anyOf },
  { property: "told_events", anyOf },
];

const conditionsOf = (kind: MemoryKind, projections: readonly Projection[]): Condition[] => {
  const items = projections.flatMap(({ item }) => (item?.kind === kind ? [item] : []));
  const events = projections.flatMap(({ item, mark }) => [
    ...(item?.properties.sources ?? []),
    ...(mark?.events ?? []),
  ]);
  return [
    ...slices(items.map(({ id }) => id)).map((idIn) => ({ idIn })),
    ...slices(items.map(({ properties }) => properties.fingerprint)).map((anyOf) => ({
      property: "fingerprint",
      anyOf,
    })),
    ...(kind === "lesson" ? slices(events).flatMap(toldBy) : []),
  ];
};

/** Reads what of a tenant's memory bears on these projections. */
export const readKnown = async (
  client: Pick<VectorClient, "find">,
  tenant: string,
  projections: readonly Projection[],
): Promise<Known> => {
  const known = new Map<string, Known[number]>();
  for (const kind of memoryKinds) {
    const shelf = { collection: memoryCollections[kind], tenant };
    for (const condition of conditionsOf(kind, projections)) {
      for (const { id, properties } of await client.find(shelf, [condition], MOST_FOUND)) {
        known.set(id, { kind, id, properties: memoryPropertiesOf(properties) });
      }
    }
  }
  // Of two of one fingerprint the one that is taken for it is the same, whichever query found it.
  return [...known.values()].toSorted((a, b) => (isBefore(a.properties, b.properties) ? -1 : 1));
};
