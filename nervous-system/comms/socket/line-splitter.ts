import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";

/** A line without its newline, or one that was longer than allowed and is gone. */
export type SplitLine = { kind: "line"; bytes: Buffer } | { kind: "tooLong" };

/** Cuts a byte stream into lines, holding at most `maxBytes` of an unfinished one. */
type LineSplitter = {
  push(chunk: Buffer): SplitLine[];
  /** What stands behind the last newline; the stream has ended. */
  end(): SplitLine[];
  /** Bytes held of a line whose end has not come. */
  unfinished(): number;
};

const NEWLINE = 0x0a;

/** Creates a splitter; behind a line that is too long it finds its way at the next newline. */
export const createLineSplitter = (maxBytes: number): LineSplitter => {
  const held = gatherBytes();
  let isTooLong = false;

  const keep = (part: Buffer): void => {
    isTooLong ||= held.size + part.length > maxBytes;
    if (isTooLong) held.take();
    else held.add(part);
  };
  const take = (): SplitLine => {
    const line: SplitLine = isTooLong ? { kind: "tooLong" } : { kind: "line", bytes: held.take() };
    isTooLong = false;
    return line;
  };
  return {
    push: (chunk) => {
      const lines: SplitLine[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        keep(chunk.subarray(start, end));
        lines.push(take());
        start = end + 1;
      }
      keep(chunk.subarray(start));
      return lines;
    },
    end: () => (isTooLong || held.size > 0 ? [take()] : []),
    unfinished: () => held.size,
  };
};
