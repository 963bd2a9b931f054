import { below, directoryOf, fileNameOf, joinPath, type FileIndex } from "./file-index.ts";
import { nearest, type Tree } from "./tree.ts";

/** The crate that a file is in, and which module of it the file is. */
export type Crate = {
  /** Where its modules are. */
  directory: string;
  /** The file of the crate's own module. */
  root: string;
  module: readonly string[];
  manifest: Manifest;
};

type Manifest = { directory: string; text: string };

const ROOTS = ["lib.rs", "main.rs", "mod.rs"];
const TARGETS = ["src/bin", "tests", "examples", "benches"];

/** The manifest of the crate that a file is in; its text is empty where there is none. */
const manifestOf = (path: string, { files, manifests }: Tree): Manifest => {
  const at = nearest(path, "Cargo.toml", files);
  return { directory: at === undefined ? "" : directoryOf(at), text: manifests.get(at ?? "") ?? "" };
};

const rootIn = (directory: string, files: FileIndex): string | undefined =>
  ["lib.rs", "main.rs"].map((name) => below(directory, name)).find((one) => files.has(one));

const modulesOf = (path: string): string[] => {
  const segments = path.replace(/\.rs$/, "").split("/");
  return segments.at(-1) === "mod" ? segments.slice(0, -1) : segments;
};

/** A file that is a program or a test by itself: its modules are beside it. */
const targetOf = (path: string, manifest: Manifest): Crate | undefined => {
  const directory = directoryOf(path);
  const isTarget =
    path === below(manifest.directory, "build.rs") ||
    TARGETS.some((target) => directory === below(manifest.directory, target));
  return isTarget ? { directory, root: path, module: [], manifest } : undefined;
};

/** The crate of a file, by where files of crates are unless a manifest says otherwise. */
export const crateOf = (path: string, tree: Tree): Crate => {
  const manifest = manifestOf(path, tree);
  const target = targetOf(path, manifest);
  if (target !== undefined) return target;
  const source = below(manifest.directory, "src");
  const place = TARGETS.map((one) => below(manifest.directory, one)).find((one) => path.startsWith(`${one}/`));
  const directory = place ?? (path.startsWith(`${source}/`) ? source : directoryOf(path));
  const root = rootIn(directory, tree.files) ?? path;
  const isRoot = path === root || (directory === directoryOf(path) && ROOTS.includes(fileNameOf(path)));
  const inside = directory === "" ? path : path.slice(directory.length + 1);
  return { directory, root, module: isRoot ? [] : modulesOf(inside), manifest };
};

/** The file of a module of a crate; undefined where the module is in the file of another, or is none. */
export const moduleFile = (crate: Crate, module: readonly string[], files: FileIndex): string | undefined => {
  if (module.length === 0) return crate.root;
  const place = below(crate.directory, module.join("/"));
  return [`${place}.rs`, `${place}/mod.rs`].find((one) => files.has(one));
};

/** The library crate in a directory of a manifest; undefined where there is none. */
export const libraryAt = (directory: string | undefined, files: FileIndex): Omit<Crate, "manifest"> | undefined => {
  if (directory === undefined) return undefined;
  const root = below(directory, "src/lib.rs");
  return files.has(root) ? { directory: below(directory, "src"), root, module: [] } : undefined;
};

const nameOfPackage = (text: string): string | undefined =>
  /^\s{0,99}name\s{0,99}=\s{0,99}"([\w-]{1,99})"/m.exec(text)?.[1];

const identifierOf = (name: string): string => name.replaceAll("-", "_");

/** Where a manifest says that a crate is in the tree, which may be its own. */
export const directoryOfCrate = ({ directory, text }: Manifest, name: string): string | undefined => {
  const own = nameOfPackage(text);
  if (own !== undefined && identifierOf(own) === name) return directory;
  for (const [, key = "", path = ""] of text.matchAll(
    /^\s{0,99}"?([\w-]{1,99})"?\s{0,99}=\s{0,99}\{[^}\n]{0,999}?path\s{0,99}=\s{0,99}"([^"\n]{1,999})"/gm,
  ))
    if (identifierOf(key) === name) return joinPath(directory, path);
  return undefined;
};

/** A crate's name as its package is called: what a manifest writes with `-` is written with `_` in sources. */
export const packageNameOf = (name: string, { text }: Manifest): string => {
  if (!name.includes("_")) return name;
  for (const [, table = "", key = table] of text.matchAll(
    /^\s{0,99}(?:\[[\w-]{0,99}dependencies\.([\w-]{1,99})\]|"?([\w-]{1,99})"?\s{0,99}=)/gm,
  ))
    if (identifierOf(key) === name) return key;
  return name;
};

/** Whether paths of `use` begin at the crate's root, as they did in 2015; a manifest that says nothing is of then. */
export const isOf2015 = ({ text }: Manifest): boolean => {
  const edition = /^\s{0,99}edition[\s.].{0,99}$/m.exec(text)?.[0];
  return text !== "" && (edition === undefined || edition.includes('"2015"'));
};
