/** Bytes of a key. */
export const KEY_BYTES = 16;

/** Keys of 16 bytes each, one behind the other in the order of their bytes, none twice: a million take 16 MB. */
export type SortedKeys = Buffer;

const compareAt = (keys: SortedKeys, n: number, other: Buffer, at: number): number =>
  keys.compare(other, at * KEY_BYTES, (at + 1) * KEY_BYTES, n * KEY_BYTES, (n + 1) * KEY_BYTES);

/** Sorts keys that are given as hex digits. */
export const sortKeys = (hex: Iterable<string>): SortedKeys =>
  Buffer.concat([...new Set(hex)].toSorted().map((key) => Buffer.from(key, "hex")));

/** Whether a key, as hex digits, is among them: some twenty looks of a million. */
export const hasKey = (keys: SortedKeys, hex: string): boolean => {
  const key = Buffer.from(hex, "hex");
  let [low, high] = [0, keys.length / KEY_BYTES];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareAt(keys, middle, key, 0);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
};

/** Which of two keys comes first, 0 where they are one; behind the end of a list stands what is behind everything. */
const orderAt = (a: SortedKeys, n: number, b: SortedKeys, m: number): number => {
  if (n * KEY_BYTES === a.length) return 1;
  return m * KEY_BYTES === b.length ? -1 : compareAt(a, n, b, m);
};

/** All keys of both, in one pass over each. */
export const unionOfKeys = (a: SortedKeys, b: SortedKeys): SortedKeys => {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  const all = Buffer.alloc(a.length + b.length);
  let [atA, atB, end] = [0, 0, 0];
  while (atA * KEY_BYTES < a.length || atB * KEY_BYTES < b.length) {
    const order = orderAt(a, atA, b, atB);
    const [from, at] = order <= 0 ? [a, atA] : [b, atB];
    end += from.copy(all, end, at * KEY_BYTES, (at + 1) * KEY_BYTES);
    if (order <= 0) atA += 1;
    if (order >= 0) atB += 1;
  }
  return all.subarray(0, end);
};
