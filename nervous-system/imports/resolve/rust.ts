import { directoryOf, joinPath, type FileIndex } from "./file-index.ts";
import { packageUrl } from "./package-url.ts";
import { crateOf, libraryAt, moduleFile, type Crate } from "./rust-crate.ts";
import type { Resolve } from "./tree.ts";

const OF_RUST = new Set(["std", "core", "alloc", "proc_macro", "test"]);

/** The file of the longest part of a path that is a module, as the rest is something in it. */
const longest = (crate: Crate, names: readonly string[], files: FileIndex, least: number): string | undefined => {
  for (let length = names.length; length >= least; length -= 1) {
    const found = moduleFile(crate, names.slice(0, length), files);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** The module that a path of `crate`, `self` or `super` leads to; undefined where it leads above the crate. */
const localModule = (crate: Crate, names: readonly string[]): string[] | undefined => {
  const module = names[0] === "crate" ? [] : [...crate.module];
  for (const name of names) {
    if (name === "super") {
      if (module.pop() === undefined) return undefined;
    } else if (name !== "self" && name !== "crate") module.push(name);
  }
  return module;
};

const resolveLocal = (crate: Crate, names: readonly string[], files: FileIndex): string | undefined => {
  const module = localModule(crate, names);
  return module && longest(crate, module, files, 0);
};

/** Of a path that begins with a name: a module beside this one, or below the root of a crate of 2015. */
const resolveSibling = (crate: Crate, names: readonly string[], files: FileIndex): string | undefined => {
  const own = longest(crate, [...crate.module, ...names], files, crate.module.length + 1);
  return own ?? (crate.manifest.isOf2015() ? longest(crate, names, files, 1) : undefined);
};

const resolveCrate = (crate: Crate, [name = "", ...rest]: readonly string[], files: FileIndex): readonly string[] => {
  if (OF_RUST.has(name) || /^\p{Lu}/u.test(name)) return []; // a name in upper case is a type in scope
  const directory = crate.manifest.directoryOf(name);
  const library = libraryAt(directory, files);
  if (library === undefined)
    return directory === undefined ? packageUrl("cargo", crate.manifest.packageNameOf(name)) : [];
  const found = longest({ ...library, manifest: crate.manifest }, rest, files, 0);
  return found === undefined ? [] : [found];
};

/**
 * Resolves modules of the file's crate, of crates that the nearest Cargo.toml has by a path, and crates of the registry. What
 * Rust itself brings is no dependency.
 */
export const resolveRust: Resolve = (path, tree) => {
  const { files } = tree;
  const crate = crateOf(path, tree);
  return (specifier) => {
    if (specifier.startsWith("./")) {
      const placed = joinPath(directoryOf(path), specifier);
      return placed !== undefined && files.has(placed) ? [placed] : [];
    }
    const isOutside = specifier.startsWith("::");
    const names = (isOutside ? specifier.slice(2) : specifier).split("::");
    if (/^(?:crate|self|super)$/.test(names[0] ?? "")) {
      const found = resolveLocal(crate, names, files);
      return found === undefined ? [] : [found];
    }
    const sibling = isOutside ? undefined : resolveSibling(crate, names, files);
    return sibling === undefined ? resolveCrate(crate, names, files) : [sibling];
  };
};
