import { isBuiltin } from "node:module";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { directoryOf, joinPath, type FileIndex } from "./file-index.ts";
import { parseJsonc } from "./jsonc.ts";
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

/** What stands for `*` in a pattern of an import map; undefined where the specifier does not fit it. */
const starIn = (specifier: string, pattern: string): string | undefined => {
  const at = pattern.indexOf("*");
  if (at < 0) return specifier === pattern ? "" : undefined;
  const [before, after] = [pattern.slice(0, at), pattern.slice(at + 1)];
  const fits = specifier.startsWith(before) && specifier.endsWith(after) && specifier.length >= pattern.length - 1;
  return fits ? specifier.slice(at, specifier.length - after.length) : undefined;
};

/** The targets of an entry, whatever their conditions are. */
const targetsOf = (entry: unknown, depth = 0): string[] => {
  if (typeof entry === "string") return [entry];
  if (depth > 8 || typeof entry !== "object" || entry === null) return [];
  return Object.values(entry).flatMap((one) => targetsOf(one, depth + 1));
};

type ImportMap = { directory: string; entries: Record<string, unknown> };

const byMap = (specifier: string, { directory, entries }: ImportMap, files: FileIndex): string | undefined => {
  const fitting = Object.entries(entries)
    .map(([pattern, entry]) => ({ pattern, entry, star: starIn(specifier, pattern) }))
    .filter(({ star }) => star !== undefined)
    .toSorted((one, other) => other.pattern.length - one.pattern.length);
  return fitting
    .flatMap(({ entry, star = "" }) => targetsOf(entry).map((target) => target.replaceAll("*", () => star)))
    .map((target) => findFile(joinPath(directory, target), files))
    .find((file) => file !== undefined);
};

const manifestOf = (path: string, name: string, { files, manifests }: Tree): { at: string; value: unknown } => {
  const at = nearest(path, name, files) ?? "";
  return { at: directoryOf(at), value: parseJsonc(manifests.get(at) ?? "") };
};

const importsOf = (path: string, tree: Tree): ImportMap => {
  const { at, value } = manifestOf(path, "package.json", tree);
  const entries = isJsonObject(value) ? value["imports"] : undefined;
  return { directory: at, entries: isJsonObject(entries) ? entries : {} };
};

const pathsOf = (path: string, tree: Tree): ImportMap => {
  const { at, value } = manifestOf(path, "tsconfig.json", tree);
  const options = isJsonObject(value) && isJsonObject(value["compilerOptions"]) ? value["compilerOptions"] : {};
  const { baseUrl, paths } = options;
  const base = typeof baseUrl === "string" ? joinPath(at, baseUrl) : at;
  const all = typeof baseUrl === "string" ? { "*": ["*"] } : {};
  return { directory: base ?? at, entries: { ...all, ...(isJsonObject(paths) ? paths : {}) } };
};

const packageOf = (specifier: string): readonly string[] => {
  const [, name] = /^((?:@[\w.~-]+\/)?[\w~-][\w.~-]*)(?:\/|$)/.exec(specifier) ?? [];
  return name === undefined ? [] : packageUrl("npm", name);
};

/**
 * Resolves as TypeScript and Node do: relative paths, with the endings that may be left out or stand for sources, `imports` of
 * the nearest package.json, `paths` of the nearest tsconfig.json, and packages of npm. Node's own modules are no dependencies.
 */
export const resolveJavascript: Resolve = (specifier, path, tree) => {
  const isRelative = /^\.{1,2}(?:\/|$)/.test(specifier);
  if (!isRelative && isBuiltin(specifier)) return [];
  const found = isRelative
    ? findFile(joinPath(directoryOf(path), specifier), tree.files)
    : byMap(specifier, specifier.startsWith("#") ? importsOf(path, tree) : pathsOf(path, tree), tree.files);
  if (found !== undefined) return [found];
  return isRelative ? [] : packageOf(specifier);
};
