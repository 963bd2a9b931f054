/** A kind of source file whose imports are read. */
export type SourceKind = "javascript" | "typescript" | "tsx" | "python" | "go" | "rust" | "java" | "dockerfile";

const byExtension: Readonly<Record<string, SourceKind>> = {
  js: "javascript",
  mjs: "javascript",
  cjs: "javascript",
  jsx: "javascript",
  ts: "typescript",
  mts: "typescript",
  cts: "typescript",
  tsx: "tsx",
  py: "python",
  pyi: "python",
  go: "go",
  rs: "rust",
  java: "java",
  dockerfile: "dockerfile",
};

const isDockerfile = (name: string): boolean => /^(?:Dockerfile|Containerfile)(?:\.|$)/.test(name);

/** The kind of a file by its name; undefined where its imports cannot be read. */
export const sourceKindOf = (path: string): SourceKind | undefined => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (isDockerfile(name)) return "dockerfile";
  const extension = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return name.includes(".") && Object.hasOwn(byExtension, extension) ? byExtension[extension] : undefined;
};
