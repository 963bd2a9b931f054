import { Filters, type Collection, type FilterValue } from "weaviate-client";

/** What an object must be like: its id or a property is among values, or a number lies at or below, or above, a bound. */
export type Condition =
  | { readonly idIn: readonly string[] }
  | { readonly property: string; readonly anyOf: readonly string[] }
  | { readonly property: string; readonly atMost: number }
  | { readonly property: string; readonly above: number }
  /** One of them holds. */
  | { readonly either: readonly Condition[] };

const filterOf = (collection: Collection, condition: Condition): FilterValue => {
  if ("idIn" in condition) return collection.filter.byId().containsAny([...condition.idIn]);
  if ("either" in condition) return Filters.or(...condition.either.map((one) => filterOf(collection, one)));
  const property = collection.filter.byProperty(condition.property as never);
  if ("anyOf" in condition) return property.containsAny([...condition.anyOf]);
  return "atMost" in condition ? property.lessOrEqual(condition.atMost) : property.greaterThan(condition.above);
};

/** The client's filter that wants all conditions; undefined without one. */
export const filterOfAll = (collection: Collection, conditions: readonly Condition[]): FilterValue | undefined => {
  const filters = conditions.map((condition) => filterOf(collection, condition));
  return filters.length > 1 ? Filters.and(...filters) : filters[0];
};
