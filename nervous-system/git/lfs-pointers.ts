import type { Buffer } from "node:buffer";

/** Git LFS looks so far into a file, however long it is, and lets white space around a pointer stand. */
const lookedAtBytes = 1024;

// Its names until it was called so are still read.
const pointer = /^[\s\u0085]*version (?:http:\/\/git-media\.io|https:\/\/(?:git-lfs|hawser)\.github\.com)\//;

/** Whether Git LFS would put other content in the place of this one, which stands for it. */
const isPointer = (content: Buffer): boolean => pointer.test(content.toString("utf8", 0, lookedAtBytes));

/** Whether one of the blobs that `git cat-file --batch` printed is a pointer of Git LFS. */
export const holdsPointer = (output: Buffer): boolean => {
  for (let at = 0; at < output.length;) {
    const end = output.indexOf("\n", at);
    if (end < 0) return false;
    const size = Number(output.toString("latin1", at, end).split(" ")[2]);
    const begins = end + 1;
    if (isPointer(output.subarray(begins, begins + Math.min(size, lookedAtBytes)))) return true;
    at = begins + size + 1;
  }
  return false;
};
