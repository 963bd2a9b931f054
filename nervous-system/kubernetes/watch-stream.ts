import { StringDecoder } from "node:string_decoder";
import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";

/** What a watch tells: a change, a bookmark (only a newer resourceVersion), or the error that ends it. */
export type WatchEvent<T extends KubeObject = KubeObject> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  | { type: "BOOKMARK"; object: { metadata: { resourceVersion: string } } }
  | { type: "ERROR"; object: { code?: number; reason?: string; message?: string } };

/** Splits a stream of newline-delimited JSON, cut anywhere, even inside a character, into events. */
export const createWatchDecoder = <T extends KubeObject>(
  onEvent: (event: WatchEvent<T>) => void,
): ((chunk: Buffer) => void) => {
  const decoder = new StringDecoder("utf8");
  // Pieces of a line that is not complete: joined once, so that a large object does not cost quadratic time.
  let pieces: string[] = [];
  return (chunk) => {
    const text = decoder.write(chunk);
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      pieces.push(text.slice(start, end));
      const line = pieces.join("");
      pieces = [];
      start = end + 1;
      if (line.trim() !== "") onEvent(JSON.parse(line) as WatchEvent<T>);
    }
    if (start < text.length) pieces.push(text.slice(start));
  };
};
