import { below, directoryOf, fileNameOf, type FileIndex } from "./file-index.ts";
import { readCargoManifest, type CargoManifest } from "./cargo-manifest.ts";
import { nearest, type Tree } from "./tree.ts";

/** The crate that a file is in, and which module of it the file is. */
export type Crate = {
  /** Where its modules are. */
  directory: string;
  /** The file of the crate's own module. */
  root: string;
  module: readonly string[];
  manifest: CargoManifest;
};

const ROOTS = ["lib.rs", "main.rs", "mod.rs"];
const TARGETS = ["src/bin", "tests", "examples", "benches"];

/** The manifest of the crate that a file is in; its text is empty where there is none. */
const manifestOf = (path: string, { files, manifests }: Tree): CargoManifest => {
  const at = nearest(path, "Cargo.toml", files);
  return readCargoManifest(at === undefined ? "" : directoryOf(at), manifests.get(at ?? "") ?? "");
};

const rootIn = (directory: string, files: FileIndex): string | undefined =>
  ["lib.rs", "main.rs"].map((name) => below(directory, name)).find((one) => files.has(one));

const modulesOf = (path: string): string[] => {
  const segments = path.replace(/\.rs$/, "").split("/");
  return segments.at(-1) === "mod" ? segments.slice(0, -1) : segments;
};

/** A file that is a program or a test by itself: its modules are beside it. */
const targetOf = (path: string, manifest: CargoManifest): Crate | undefined => {
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
