/** A digest over hashes in their order, cheap enough to take at every look at a stream: two lanes of FNV-1a. */
export const digestOfStream = (hashes: Iterable<string>): string => {
  let [a, b] = [0x811c9dc5, 0x1000193];
  for (const hash of hashes) {
    a = Math.imul(a ^ Number.parseInt(hash.slice(0, 8), 16), 0x01000193);
    b = Math.imul(b ^ Number.parseInt(hash.slice(8, 16), 16), 0x01000193);
  }
  return `${(a >>> 0).toString(16)}-${(b >>> 0).toString(16)}`;
};
