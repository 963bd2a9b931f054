import { isBuiltin } from "node:module";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { directoryOf, joinPath, type FileIndex } from "./file-index.ts";
import { createImportMap, type ImportMap } from "./import-map.ts";
import { parseJsonc } from "./jsonc.ts";
import { lazy } from "./lazy.ts";
import { packageUrl } from "./package-url.ts";
import { nearest, type Resolve, type Tree } from "./tree.ts";

const EXTENSIONS = [".ts", ".tsx", ".d.ts", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"];

/** A source of TypeScript is named by what is compiled of it. */
const SOURCES: ReadonlyArray<readonly [compiled: string, sources: readonly string[]]> = [
  [".js", [".ts", ".tsx", ".d.ts", ".jsx"]],
  [".jsx", [".tsx"]],
  [".mjs", [".mts", ".d.mts"]],
  [".cjs", [".cts", ".d.cts"]],
];

const sourcesOf = (path: string): string[] =>
  SOURCES.flatMap(([compiled, sources]) =>
    path.endsWith(compiled) ? sources.map((source) => path.slice(0, -compiled.length) + source) : [],
  );

const findFile = (path: string | undefined, files: FileIndex): string | undefined => {
  if (path === undefined) return undefined;
  const index = path === "" ? "index" : `${path}/index`;
  const candidates = [
    path,
    ...sourcesOf(path),
    ...EXTENSIONS.map((extension) => path + extension),
    ...EXTENSIONS.map((extension) => index + extension),
  ];
  return candidates.find((one) => files.has(one));
};

const byMap = (specifier: string, map: ImportMap, files: FileIndex): string | undefined => {
  for (const target of map.targetsOf(specifier)) {
    const file = findFile(joinPath(map.directory, target), files);
    if (file !== undefined) return file;
  }
  return undefined;
};

const manifestOf = (path: string, name: string, { files, manifests }: Tree): { at: string; value: unknown } => {
  const at = nearest(path, name, files) ?? "";
  return { at: directoryOf(at), value: parseJsonc(manifests.get(at) ?? "") };
};

const importsOf = (path: string, tree: Tree): ImportMap => {
  const { at, value } = manifestOf(path, "package.json", tree);
  const entries = isJsonObject(value) ? value["imports"] : undefined;
  return createImportMap(at, isJsonObject(entries) ? entries : {});
};

const pathsOf = (path: string, tree: Tree): ImportMap => {
  const { at, value } = manifestOf(path, "tsconfig.json", tree);
  const options = isJsonObject(value) && isJsonObject(value["compilerOptions"]) ? value["compilerOptions"] : {};
  const { baseUrl, paths } = options;
  const base = typeof baseUrl === "string" ? joinPath(at, baseUrl) : at;
  const all = typeof baseUrl === "string" ? { "*": ["*"] } : {};
  return createImportMap(base ?? at, { ...all, ...(isJsonObject(paths) ? paths : {}) });
};

const packageOf = (specifier: string): readonly string[] => {
  const [, name] = /^((?:@[\w.~-]+\/)?[\w~-][\w.~-]*)(?:\/|$)/.exec(specifier) ?? [];
  return name === undefined ? [] : packageUrl("npm", name);
};

/**
 * Resolves as TypeScript and Node do: relative paths, with the endings that may be left out or stand for sources, `imports` of
 * the nearest package.json, `paths` of the nearest tsconfig.json, and packages of npm. Node's own modules are no dependencies.
 */
export const resolveJavascript: Resolve = (path, tree) => {
  const imports = lazy(() => importsOf(path, tree));
  const paths = lazy(() => pathsOf(path, tree));
  return (specifier) => {
    const isRelative = /^\.{1,2}(?:\/|$)/.test(specifier);
    if (!isRelative && isBuiltin(specifier)) return [];
    const found = isRelative
      ? findFile(joinPath(directoryOf(path), specifier), tree.files)
      : byMap(specifier, specifier.startsWith("#") ? imports() : paths(), tree.files);
    if (found !== undefined) return [found];
    return isRelative ? [] : packageOf(specifier);
  };
};
