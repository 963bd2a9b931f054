import type { Buffer } from "node:buffer";
import type { Path } from "#nervous-system/git/paths.ts";

/** One entry of a tree object. */
export type TreeEntry = {
  /** As octal text, without a zero in front. */
  readonly mode: string;
  readonly isTree: boolean;
  readonly name: Path;
  readonly id: string;
};

const parseTree = (tree: Buffer, idBytes: number): TreeEntry[] => {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < tree.length;) {
    const space = tree.indexOf(" ", at);
    const end = tree.indexOf("\0", space);
    if (space < 0 || end < 0) return entries;
    // Some old programs wrote a zero in front, which Git reads as it reads none.
    const mode = tree.toString("latin1", at, Math.min(space, at + 7)).replace(/^0/, "");
    at = end + 1 + idBytes;
    const name = tree.toString("latin1", space + 1, end);
    entries.push({ mode, isTree: mode === "40000", name, id: tree.toString("hex", end + 1, at) });
  }
  return entries;
};

/** Reads what `git cat-file --batch` prints for trees, one for each that was asked for; undefined for what is none. */
export const parseTrees = (output: Buffer): Array<readonly TreeEntry[] | undefined> => {
  const trees: Array<readonly TreeEntry[] | undefined> = [];
  for (let at = 0; at < output.length;) {
    const end = output.indexOf("\n", at);
    const [id = "", type = "", size = ""] = output.toString("latin1", at, end < 0 ? output.length : end).split(" ");
    at = (end < 0 ? output.length : end) + 1;
    const length = Number(size);
    const isObject = /^[0-9]+$/.test(size);
    trees.push(type === "tree" && isObject ? parseTree(output.subarray(at, at + length), id.length / 2) : undefined);
    if (isObject) at += length + 1;
  }
  return trees;
};
