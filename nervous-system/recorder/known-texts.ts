/** Replaces texts that are known. */
type KnownTexts = {
  /** The text with each known text in it replaced, the longest that begins at a place. */
  replace(text: string): string;
};

type Known = { readonly text: string; readonly by: string };

const BUCKETS = 4096;
const bucketOf = (text: string, at: number): number =>
  ((text.charCodeAt(at - 1) << 5) ^ text.charCodeAt(at)) & (BUCKETS - 1);

/**
 * Looks for any number of texts at once, by the method of Wu and Manber: of each two characters it is known how far behind
 * them the beginning of a known text may end, so most of a text is never looked at. `prefix` is the length of the
 * shortest; no text may be shorter. A frame's text takes about as long for a thousand texts as for one.
 */
export const createKnownTexts = (given: ReadonlyMap<string, string>, prefix: number): KnownTexts => {
  const shifts = new Uint8Array(BUCKETS).fill(prefix - 1);
  const ending = new Map<number, Known[]>();
  // The longest first: it is tried first.
  for (const [text, by] of [...given].toSorted(([a], [b]) => b.length - a.length)) {
    for (let at = 1; at < prefix; at += 1) {
      const bucket = bucketOf(text, at);
      shifts[bucket] = Math.min(shifts[bucket] ?? 0, prefix - 1 - at);
    }
    const bucket = bucketOf(text, prefix - 1);
    ending.set(bucket, [...(ending.get(bucket) ?? []), { text, by }]);
  }
  const knownAt = (text: string, end: number): Known | undefined =>
    ending.get(bucketOf(text, end))?.find((known) => text.startsWith(known.text, end - prefix + 1));
  const replace = (text: string): string => {
    let out = "";
    let done = 0;
    for (let end = prefix - 1; end < text.length;) {
      const shift = shifts[bucketOf(text, end)] ?? 0;
      const known = shift === 0 ? knownAt(text, end) : undefined;
      if (known === undefined) end += Math.max(1, shift);
      else {
        const at = end - prefix + 1;
        out += text.slice(done, at) + known.by;
        done = at + known.text.length;
        end = done + prefix - 1;
      }
    }
    return done === 0 ? text : out + text.slice(done);
  };
  return { replace: given.size === 0 ? (text) => text : replace };
};
