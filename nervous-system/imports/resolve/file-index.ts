import { lazy } from "./lazy.ts";
import { createSuffixes } from "./suffixes.ts";

/** The files of a tree, as resolving asks for them; paths have `/` as separator and no `.` or `..` in them. */
export type FileIndex = {
  has(path: string): boolean;
  hasDirectory(path: string): boolean;
  /** Names of the files that are directly in a directory, in order; "" is the top. */
  namesIn(directory: string): readonly string[];
  /** Every directory whose path ends with these segments. */
  directoriesAt(suffix: string): readonly string[];
  /** Every source of Java whose path ends with these segments. */
  javaFilesAt(suffix: string): readonly string[];
};

/** The directory that a path is in; "" is the top. */
export const directoryOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));

/** The last segment of a path. */
export const fileNameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** A path told from a directory, without `.` and `..`; undefined where it leads out of the tree. */
export const joinPath = (directory: string, path: string): string | undefined => {
  const segments = directory === "" ? [] : directory.split("/");
  for (const segment of path.split("/")) {
    if (segment === "..") {
      if (segments.pop() === undefined) return undefined;
    } else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return segments.join("/");
};

/** A directory and all above it, the nearest first, the top last. */
export const ancestorsOf = (directory: string): readonly string[] => {
  const found = [directory];
  for (let above = directory; above !== "";) {
    above = directoryOf(above);
    found.push(above);
  }
  return found;
};

/** A path below a directory. */
export const below = (directory: string, path: string): string => (directory === "" ? path : `${directory}/${path}`);

/** Creates the index of some files. */
export const createFileIndex = (paths: Iterable<string>): FileIndex => {
  const files = new Set(paths);
  const names = new Map<string, string[]>();
  const inOrder = new Set<string>();
  const remember = (directory: string): void => {
    for (const one of ancestorsOf(directory)) {
      if (names.has(one)) return;
      names.set(one, []);
    }
  };
  for (const path of files) {
    const directory = directoryOf(path);
    remember(directory);
    names.get(directory)?.push(fileNameOf(path));
  }
  const namesIn = (directory: string): readonly string[] => {
    const found = names.get(directory) ?? [];
    if (!inOrder.has(directory)) found.sort();
    inOrder.add(directory);
    return found;
  };
  const directories = lazy(() => createSuffixes([...names.keys()]));
  const javaFiles = lazy(() => createSuffixes([...files].filter((path) => path.endsWith(".java"))));
  return {
    has: (path) => files.has(path),
    hasDirectory: (path) => names.has(path),
    namesIn,
    directoriesAt: (suffix) => directories().at(suffix),
    javaFilesAt: (suffix) => javaFiles().at(suffix),
  };
};
