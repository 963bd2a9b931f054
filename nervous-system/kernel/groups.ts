/** How much one group holds at most, but for a single item that is larger. */
export type GroupLimits<T> = {
  readonly items: number;
  readonly bytes: number;
  readonly bytesOf: (item: T) => number;
};

/** Cuts a sequence into groups in its order, asking for no item before its group is wanted. */
export function* groupsOf<T>(sequence: Iterable<T>, limits: GroupLimits<T>): Generator<T[]> {
  let group: T[] = [];
  let bytes = 0;
  for (const item of sequence) {
    group.push(item);
    bytes += limits.bytesOf(item);
    if (group.length < limits.items && bytes < limits.bytes) continue;
    yield group;
    [group, bytes] = [[], 0];
  }
  if (group.length > 0) yield group;
}
