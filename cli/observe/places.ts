import { access, constants, lstat } from "node:fs/promises";
import type { BigIntStats } from "node:fs";
import { printed, type WorkTree } from "./work-tree.ts";

/** The name of a file from the top of the work tree, a character a byte: names need not be UTF-8. */
export type Path = string;

/** A file that differs from the index, as it is now. */
export type Place = {
  path: Path;
  /** Undefined where there is none any more. */
  stats: BigIntStats | undefined;
  /** How the index has it: with another state, in a conflict, of which Git makes no tree, or not at all. */
  kind: "changed" | "unmerged" | "untracked";
};

/** Tells which files are nobody's work but our own records of it. */
export type Ours = () => Promise<(path: Path) => boolean>;

/** The name as people read it. */
export const nameOf = (path: Path): string => Buffer.from(path, "latin1").toString("utf8");

/** The path of a name. */
export const pathOf = (name: string): Path => Buffer.from(name, "utf8").toString("latin1");

const fieldsOf = (output: Buffer): string[] => output.toString("latin1").split("\0").slice(0, -1);

const locate = ({ top }: WorkTree, path: Path): Buffer => Buffer.from(`${pathOf(top)}/${path}`, "latin1");

const statsOf = (tree: WorkTree, path: Path): Promise<BigIntStats | undefined> =>
  lstat(locate(tree, path), { bigint: true }).catch(() => undefined);

/** Whether a file may be read; anything else is left to Git. */
export const isReadable = async (tree: WorkTree, { path, stats }: Place): Promise<boolean> => {
  if (stats?.isFile() !== true) return true;
  return access(locate(tree, path), constants.R_OK).then(
    () => true,
    () => false,
  );
};

const AT_ONCE = 512;

/** Places as they are by now; some hundred are looked at at once. */
export const lookAt = async (tree: WorkTree, places: ReadonlyArray<Omit<Place, "stats">>): Promise<Place[]> => {
  const found: Place[] = [];
  for (let at = 0; at < places.length; at += AT_ONCE) {
    const group = places.slice(at, at + AT_ONCE);
    const looks = group.map(async ({ path, kind }) => ({ path, kind, stats: await statsOf(tree, path) }));
    found.push(...(await Promise.all(looks)));
  }
  return found;
};

/**
 * What may differ from the index, told from sizes and times alone: tracked files, and untracked ones that no rule hides. No
 * content is read, so a file of any size costs the same.
 */
export const findPlaces = async (tree: WorkTree, ours: Ours): Promise<Place[]> => {
  const [changed, others] = await Promise.all([
    // Not into submodules, which would run Git by their own settings.
    tree.git(["diff-files", "--raw", "-z", "--ignore-submodules=dirty"]),
    tree.git(["ls-files", "--others", "--exclude-standard", "-z"]),
  ]);
  const kinds = new Map<Path, Place["kind"]>();
  const raw = fieldsOf(printed(changed));
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [status = "", path = ""] = [raw[at], raw[at + 1]];
    if (kinds.get(path) !== "unmerged") kinds.set(path, status.endsWith(" U") ? "unmerged" : "changed");
  }
  // One that ends with a slash is a repository of its own.
  for (const path of fieldsOf(printed(others))) kinds.set(path.replace(/\/$/, ""), "untracked");
  const isOurs = await ours(); // asked last: whoever made one of these files has told of it by now
  const places = [...kinds].flatMap(([path, kind]) => (isOurs(path) ? [] : [{ path, kind }]));
  return lookAt(tree, places);
};

const aboveOf = (path: Path): Path => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/**
 * Whether nothing has happened to a place since a moment, by the change time that no program can set; of a file that is gone,
 * by that of the directory it was in.
 */
export const isOlder = async (tree: WorkTree, { path, stats }: Place, sinceNs: bigint): Promise<boolean> => {
  if (stats !== undefined) return stats.ctimeNs < sinceNs;
  let above = path;
  let found: BigIntStats | undefined;
  do {
    above = aboveOf(above);
    found = await statsOf(tree, above);
  } while (found === undefined && above !== "");
  return found !== undefined && found.ctimeNs < sinceNs;
};
