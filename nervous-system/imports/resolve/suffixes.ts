/** Paths by how they end, which finds as many as there are in time that does not grow with how many are called alike. */
export type Suffixes = {
  /** Every path that ends with these segments. */
  at(suffix: string): readonly string[];
};

/** Paths that end alike; `inner` has them by the segment before, once that was asked for. */
type Group = { paths: readonly string[]; inner?: Map<string, Group & { paths: string[] }> };

/** Parts paths by the segment that ends this many characters before their end. */
const partition = (paths: readonly string[], behind: number): NonNullable<Group["inner"]> => {
  const groups: NonNullable<Group["inner"]> = new Map();
  for (const path of paths) {
    const end = path.length - behind;
    if (end <= 0) continue;
    const segment = path.slice(path.lastIndexOf("/", end - 1) + 1, end);
    const group = groups.get(segment);
    if (group === undefined) groups.set(segment, { paths: [path] });
    else group.paths.push(path);
  }
  return groups;
};

/** Creates the index of some paths, each segment of which is looked at once at most, and only where it is asked for. */
export const createSuffixes = (paths: readonly string[]): Suffixes => {
  const all: Group = { paths };
  return {
    at: (suffix) => {
      let group = all;
      let behind = 0;
      for (const segment of suffix.split("/").toReversed()) {
        group.inner ??= partition(group.paths, behind);
        const inner = group.inner.get(segment);
        if (inner === undefined) return [];
        group = inner;
        behind += segment.length + 1;
      }
      return group.paths;
    },
  };
};
