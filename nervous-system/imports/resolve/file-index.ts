/** The files of a tree, as resolving asks for them; paths have `/` as separator and no `.` or `..` in them. */
export type FileIndex = {
  has(path: string): boolean;
  hasDirectory(path: string): boolean;
  /** Names of the files that are directly in a directory, in order; "" is the top. */
  namesIn(directory: string): readonly string[];
  /** Every directory whose path ends with these segments. */
  directoriesAt(suffix: string): readonly string[];
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

const addTo = (map: Map<string, string[]>, key: string, value: string): void => {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
};

/** Creates the index of some files. */
export const createFileIndex = (paths: Iterable<string>): FileIndex => {
  const files = new Set(paths);
  const names = new Map<string, string[]>();
  const directories = new Map<string, string[]>();
  const remember = (directory: string): void => {
    for (const one of ancestorsOf(directory)) {
      if (names.has(one)) return;
      names.set(one, []);
      addTo(directories, fileNameOf(one), one);
    }
  };
  for (const path of files) {
    const directory = directoryOf(path);
    remember(directory);
    names.get(directory)?.push(fileNameOf(path));
  }
  return {
    has: (path) => files.has(path),
    hasDirectory: (path) => names.has(path),
    namesIn: (directory) => names.get(directory)?.toSorted() ?? [],
    directoriesAt: (suffix) =>
      (directories.get(fileNameOf(suffix)) ?? []).filter((one) => one === suffix || one.endsWith(`/${suffix}`)),
  };
};
