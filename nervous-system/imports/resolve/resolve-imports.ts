import { type SourceKind } from "../source-kind.ts";
import { resolveDockerfile } from "./dockerfile.ts";
import { resolveGo } from "./go.ts";
import { resolveJava } from "./java.ts";
import { resolveJavascript } from "./javascript.ts";
import { resolvePython } from "./python.ts";
import { resolveRust } from "./rust.ts";
import { nearest, type Resolve, type Tree } from "./tree.ts";
import type { FileIndex } from "./file-index.ts";

/** What a frame can hold beside its diff, and the graph takes of one file. */
const MAX_DEPENDENCIES = 500;
const MAX_CHARS = 32 * 1024;

const resolvers: Readonly<Record<SourceKind, Resolve>> = {
  javascript: resolveJavascript,
  typescript: resolveJavascript,
  tsx: resolveJavascript,
  python: resolvePython,
  go: resolveGo,
  rust: resolveRust,
  java: resolveJava,
  dockerfile: resolveDockerfile,
};

const manifestNames: Readonly<Record<SourceKind, readonly string[]>> = {
  javascript: ["package.json", "tsconfig.json"],
  typescript: ["package.json", "tsconfig.json"],
  tsx: ["package.json", "tsconfig.json"],
  python: [],
  go: ["go.mod"],
  rust: ["Cargo.toml"],
  java: [],
  dockerfile: [],
};

/** The manifests whose text resolving the imports of a file takes. */
export const manifestsFor = (kind: SourceKind, path: string, files: FileIndex): readonly string[] =>
  manifestNames[kind].map((name) => nearest(path, name, files)).filter((one) => one !== undefined);

/**
 * What a file depends on, by what it names: paths in the tree, and libraries as package URLs, each once, in the order of their
 * characters. Undefined where that is more than a frame can hold. It stops behind each name, so that others are served in between.
 */
export function* resolveImports(
  specifiers: readonly string[],
  { kind, path }: { kind: SourceKind; path: string },
  tree: Tree,
): Generator<undefined, readonly string[] | undefined> {
  const resolve = resolvers[kind](path, tree);
  const found = new Set<string>();
  let chars = 0;
  for (const specifier of specifiers) {
    for (const dependency of resolve(specifier)) {
      if (dependency === path || found.has(dependency)) continue;
      found.add(dependency);
      chars += dependency.length;
      if (found.size > MAX_DEPENDENCIES || chars > MAX_CHARS) return undefined;
    }
    yield;
  }
  return [...found].toSorted();
}
