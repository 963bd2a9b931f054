import type { Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { exactNameOf, parseList } from "#nervous-system/git/paths.ts";

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_LIST_BYTES = 64 * 1024 * 1024;

/** The names of all files of a tree that are UTF-8, links among them; throws `GitFailed`. */
export const listTree = async (git: Git, tree: string): Promise<string[]> => {
  const args = ["ls-tree", "-r", "-z", "--full-tree", "--name-only", tree];
  const listed = parseList(await mustRun(git, args, { maxOutputBytes: MAX_LIST_BYTES }));
  return listed.map(exactNameOf).filter((name) => name !== undefined);
};

type Blob = { id: string; name: string };

/** Regular files of a size that is read. */
const findBlobs = async (git: Git, tree: string, names: readonly string[]): Promise<Blob[]> => {
  const args = ["ls-tree", "-z", "-l", "--full-tree", tree, "--", ...names];
  const listed = parseList(await mustRun(git, args, { env: { GIT_LITERAL_PATHSPECS: "1" } }));
  const blobs: Blob[] = [];
  let total = 0;
  for (const entry of listed) {
    const [, id = "", size = "", path = ""] = /^100\d{3} blob ([0-9a-f]+) +(\d+)\t(.*)$/s.exec(entry) ?? [];
    const name = exactNameOf(path);
    const fits = id !== "" && Number(size) <= MAX_FILE_BYTES && total + Number(size) <= MAX_BYTES;
    if (!fits || name === undefined) continue;
    total += Number(size);
    blobs.push({ id, name });
  }
  return blobs;
};

const textOf = (bytes: Buffer): string | undefined => (bytes.includes(0) ? undefined : bytes.toString("utf8"));

/**
 * Reads files of a tree as text: regular ones of at most 1 MiB, until they are 16 MiB together, that hold no zero byte. Answers
 * the text by the name; throws `GitFailed`.
 */
export const readTexts = async (git: Git, tree: string, names: readonly string[]): Promise<Map<string, string>> => {
  const blobs = names.length === 0 ? [] : await findBlobs(git, tree, names);
  const texts = new Map<string, string>();
  if (blobs.length === 0) return texts;
  const input = blobs.map(({ id }) => `${id}\n`).join("");
  const output = await mustRun(git, ["cat-file", "--batch"], { input, maxOutputBytes: 2 * MAX_BYTES });
  let at = 0;
  for (const { name } of blobs) {
    const end = output.indexOf(0x0a, at);
    const size = Number(output.toString("latin1", at, end).split(" ")[2]);
    const text = textOf(output.subarray(end + 1, end + 1 + size));
    if (text !== undefined) texts.set(name, text);
    at = end + 2 + size;
  }
  return texts;
};
