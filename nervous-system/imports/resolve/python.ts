import { ancestorsOf, below, directoryOf, type FileIndex } from "./file-index.ts";
import { packageUrl } from "./package-url.ts";
import { distributionOf, isStandardModule } from "./python-names.ts";
import type { Resolve } from "./tree.ts";

const ENDINGS = [".py", ".pyi", "/__init__.py", "/__init__.pyi"];

const moduleAt = (path: string, files: FileIndex): string | undefined =>
  ENDINGS.map((ending) => (path === "" ? ending.replace(/^\//, "") : path + ending)).find((one) => files.has(one));

/** The file of the longest part of a dotted name that is a module, as the rest may be in it. */
const longest = (directory: string, names: readonly string[], files: FileIndex): string | undefined => {
  for (let length = names.length; length > 0; length -= 1) {
    const found = moduleAt(below(directory, names.slice(0, length).join("/")), files);
    if (found !== undefined) return found;
  }
  return undefined;
};

const resolveRelative = (specifier: string, path: string, files: FileIndex): string | undefined => {
  const dots = /^\.+/.exec(specifier)?.[0].length ?? 0;
  const from = ancestorsOf(directoryOf(path))[dots - 1];
  if (from === undefined) return undefined;
  const names = specifier
    .slice(dots)
    .split(".")
    .filter((name) => name !== "");
  return longest(from, names, files) ?? moduleAt(from, files);
};

const isPackage = (directory: string, files: FileIndex): boolean => files.has(below(directory, "__init__.py"));

/** Where modules may be: beside the script or above the package, nearest first, and in `src`. */
const rootsOf = (path: string, files: FileIndex): string[] => [
  ...ancestorsOf(directoryOf(path)).filter((directory) => !isPackage(directory, files)),
  "src",
];

/**
 * Resolves modules of the tree, relative and absolute ones; of others, those that are not Python's own are the package of that
 * name: no source says which distribution brings a module, so that of the best known ones stands in a list.
 */
export const resolvePython: Resolve = (path, { files }) => {
  const roots = rootsOf(path, files);
  return (specifier) => {
    if (specifier.startsWith(".")) {
      const found = resolveRelative(specifier, path, files);
      return found === undefined ? [] : [found];
    }
    const names = specifier.split(".");
    const [top = ""] = names;
    if (isStandardModule(top)) return [];
    for (const root of roots) {
      const found = longest(root, names, files);
      if (found !== undefined) return [found];
    }
    // A package without __init__.py is in the tree all the same.
    const isHere = roots.some((root) => files.hasDirectory(below(root, top)));
    return isHere ? [] : packageUrl("pypi", distributionOf(top));
  };
};
