import { ancestorsOf, below, directoryOf, type FileIndex } from "./file-index.ts";

/** What resolving knows of a tree: its files, and the text of the manifests that were asked for. */
export type Tree = { files: FileIndex; manifests: ReadonlyMap<string, string> };

/**
 * Makes of a file in a tree what answers for each of its specifiers what it means: paths in the tree or package URLs; none where
 * it means neither. What holds for all of them, as a manifest, is read once.
 */
export type Resolve = (path: string, tree: Tree) => (specifier: string) => readonly string[];

/** The nearest file of a name in the directory of a file or above it; undefined where there is none. */
export const nearest = (path: string, name: string, files: FileIndex): string | undefined =>
  ancestorsOf(directoryOf(path))
    .map((directory) => below(directory, name))
    .find((one) => files.has(one));
