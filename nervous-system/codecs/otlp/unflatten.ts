import { setMember } from "./any-value.ts";
import type { Members } from "./frame-values.ts";

// Deeper than any convention goes; the rest of a longer name is one name.
const MAX_SEGMENTS = 8;

type Tree = Map<string, Tree | { leaf: unknown }>;

const segmentsOf = (path: string): string[] => {
  const all = path.split(".", MAX_SEGMENTS + 1);
  if (all.length <= MAX_SEGMENTS) return all;
  const first = all.slice(0, MAX_SEGMENTS - 1);
  return [...first, path.slice(first.join(".").length + 1)];
};

const plant = (root: Tree, segments: readonly string[], leaf: unknown): void => {
  let tree = root;
  for (const segment of segments.slice(0, -1)) {
    const found = tree.get(segment);
    if (found instanceof Map) tree = found;
    else {
      // A name that is also the beginning of others keeps its own value under the empty name.
      const inner: Tree = new Map(found === undefined ? [] : [["", found]]);
      tree.set(segment, inner);
      tree = inner;
    }
  }
  const last = segments.at(-1) ?? "";
  const found = tree.get(last);
  if (found instanceof Map) found.set("", { leaf });
  else tree.set(last, { leaf });
};

const harvest = (tree: Tree): unknown => {
  const entries = [...tree].map(([name, held]) => [name, held instanceof Map ? harvest(held) : held.leaf] as const);
  if (entries.every(([name]) => /^\d{1,6}$/.test(name)))
    return entries.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, value]) => value);
  const members: Members = {};
  for (const [name, value] of entries) setMember(members, name, value);
  return members;
};

/**
 * The list that attributes `<prefix>.<index>.<path>` describe, with objects and lists in it, and the names of those
 * attributes; undefined where there are none. Gaps between the indices close.
 */
export const unflatten = (
  attributes: Readonly<Members>,
  prefix: string,
): { list: unknown[]; names: string[] } | undefined => {
  const names = Object.keys(attributes).filter(
    (name) => name.startsWith(`${prefix}.`) && /^\d{1,6}(\.|$)/.test(name.slice(prefix.length + 1)),
  );
  if (names.length === 0) return undefined;
  const tree: Tree = new Map();
  for (const name of names) plant(tree, segmentsOf(name.slice(prefix.length + 1)), attributes[name]);
  return { list: harvest(tree) as unknown[], names };
};
