import type { SourceKind } from "./source-kind.ts";

/** A kind of source that is read by a grammar of tree-sitter. */
export type GrammarKind = Exclude<SourceKind, "dockerfile">;

/** The runtime of the grammars, as a file of its package. */
export const RUNTIME = "web-tree-sitter/web-tree-sitter.wasm";

/** Every grammar, as a file of its package. */
export const grammars: Readonly<Record<GrammarKind, string>> = {
  javascript: "@vscode/tree-sitter-wasm/wasm/tree-sitter-javascript.wasm",
  typescript: "@vscode/tree-sitter-wasm/wasm/tree-sitter-typescript.wasm",
  tsx: "@vscode/tree-sitter-wasm/wasm/tree-sitter-tsx.wasm",
  python: "@vscode/tree-sitter-wasm/wasm/tree-sitter-python.wasm",
  go: "@vscode/tree-sitter-wasm/wasm/tree-sitter-go.wasm",
  rust: "@vscode/tree-sitter-wasm/wasm/tree-sitter-rust.wasm",
  java: "@vscode/tree-sitter-wasm/wasm/tree-sitter-java.wasm",
};

/** What has to be beside a bundle that reads sources: a package's files, with its package.json, by which Node finds them. */
export const grammarFiles: readonly string[] = [
  "web-tree-sitter/package.json",
  RUNTIME,
  ...Object.values(grammars),
].map((file) => `node_modules/${file}`);
