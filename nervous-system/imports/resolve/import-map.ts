import { lazy } from "./lazy.ts";

/** The targets of specifiers by `imports` of a package.json or `paths` of a tsconfig.json, told from its directory. */
export type ImportMap = {
  readonly directory: string;
  /** What a specifier may stand for, by the longest pattern first; it is looked for one by one. */
  targetsOf(specifier: string): Iterable<string>;
};

type Pattern = { pattern: string; entry: unknown };

/** More than an entry has that a person wrote, and longer ones. */
const MAX_TARGETS = 64;
const MAX_TARGET_CHARS = 999;

/** The targets of an entry, whatever their conditions are. */
const targetsIn = (entry: unknown, depth = 0): string[] => {
  if (typeof entry === "string") return entry.length > MAX_TARGET_CHARS ? [] : [entry];
  if (depth > 8 || typeof entry !== "object" || entry === null) return [];
  const found: string[] = [];
  for (const one of Object.values(entry).slice(0, MAX_TARGETS)) {
    found.push(...targetsIn(one, depth + 1));
    if (found.length >= MAX_TARGETS) break;
  }
  return found.slice(0, MAX_TARGETS);
};

/** What stands for `*` in a pattern; undefined where the specifier does not fit it. */
const starIn = (specifier: string, pattern: string): string | undefined => {
  const at = pattern.indexOf("*");
  if (at < 0) return specifier === pattern ? "" : undefined;
  const [before, after] = [pattern.slice(0, at), pattern.slice(at + 1)];
  const fits = specifier.startsWith(before) && specifier.endsWith(after) && specifier.length >= pattern.length - 1;
  return fits ? specifier.slice(at, specifier.length - after.length) : undefined;
};

const beforeStar = (pattern: string): string =>
  pattern.includes("*") ? pattern.slice(0, pattern.indexOf("*")) : pattern;

/** Patterns by what stands before their star, so that only those are looked at which a specifier begins with. */
const byBeginning = (entries: Readonly<Record<string, unknown>>): ReadonlyMap<string, Pattern[]> => {
  const found = new Map<string, Pattern[]>();
  for (const [pattern, entry] of Object.entries(entries)) {
    const beginning = beforeStar(pattern);
    const patterns = found.get(beginning);
    if (patterns === undefined) found.set(beginning, [{ pattern, entry }]);
    else patterns.push({ pattern, entry });
  }
  return found;
};

/** Creates a map of entries. */
export const createImportMap = (directory: string, entries: Readonly<Record<string, unknown>>): ImportMap => {
  const patterns = lazy(() => byBeginning(entries));
  const lengths = lazy(() => new Set([...patterns().keys()].map((beginning) => beginning.length)));
  const candidates = (specifier: string): Pattern[] =>
    [...lengths()]
      .filter((length) => length <= specifier.length)
      .flatMap((length) => patterns().get(specifier.slice(0, length)) ?? []);
  return {
    directory,
    *targetsOf(specifier) {
      const fitting = candidates(specifier)
        .map(({ pattern, entry }) => ({ pattern, entry, star: starIn(specifier, pattern) }))
        .filter(({ star }) => star !== undefined)
        .toSorted((one, other) => other.pattern.length - one.pattern.length);
      for (const { entry, star = "" } of fitting)
        for (const target of targetsIn(entry)) yield target.replaceAll("*", () => star);
    },
  };
};
