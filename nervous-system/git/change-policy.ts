import type * as z from "zod";
import {
  foldComponent,
  refuseChange,
  shown,
  withoutStream,
  type RefusedChange,
} from "#nervous-system/git/path-policy.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";
import { workspacePolicy } from "#nervous-system/schemas/resources/mission.ts";
import { misreadPattern } from "#nervous-system/schemas/resources/path-pattern.ts";

/** What a mission lets its agents change: patterns of paths, the denied ones in whatever spelling, a number of files, secrets. */
export type ChangePolicy = z.output<typeof workspacePolicy>;

/** What holds where a mission has no policy. */
export const defaultPolicy: ChangePolicy = workspacePolicy.parse({});

/** Whether a name is what a pattern says, in which `*` stands for any characters; each part is looked for once, from left to right. */
const matchesName = (pattern: string, name: string): boolean => {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
};

/**
 * Whether a pattern matches a path or a folder on the way to it. `**` is any number of folders. All places of the pattern that the
 * path may have come to are followed at once, so that nothing is tried twice.
 */
const matches = (pattern: readonly string[], path: readonly string[]): boolean => {
  const passFolders = (places: ReadonlySet<number>): ReadonlySet<number> => {
    const passed = new Set(places);
    // Places that are added are visited, too.
    for (const place of passed) if (pattern[place] === "**") passed.add(place + 1);
    return passed;
  };
  let places = passFolders(new Set([0]));
  for (const name of path) {
    const next = new Set<number>();
    for (const place of places) {
      const part = pattern[place];
      if (part === "**") next.add(place);
      else if (part !== undefined && matchesName(part, name)) next.add(place + 1);
    }
    places = passFolders(next);
    if (places.has(pattern.length)) return true;
  }
  return false;
};

const split = (path: string): readonly string[] => path.split("/");
/** Folders in any number, said twice, are the same. */
const splitPattern = (pattern: string): readonly string[] =>
  split(pattern).filter((part, at, parts) => part !== "**" || parts[at - 1] !== "**");
const foldAll = (path: string): readonly string[] => split(path).map(foldComponent);

// Admission refuses these; a mission of before has them still, and is not published by a policy that says something else than meant.
const refuseMisread = ({ allowedPaths, deniedPaths }: ChangePolicy): RefusedChange | undefined => {
  const lists = [
    ["PathNotInPolicy", "allowedPaths", allowedPaths],
    ["PathDenied", "deniedPaths", deniedPaths],
  ] as const;
  for (const [reason, name, patterns] of lists)
    for (const text of patterns) {
      const why = misreadPattern(text);
      if (why !== undefined) return refuseChange(reason, `workspace.policy.${name} has ${shown(text)}: ${why}`);
    }
  return undefined;
};

/** Judges paths that were judged before (so none is too long) by the policy of their mission; the first that it is against is told. */
export const judgePolicy = (policy: ChangePolicy, changes: readonly RawChange[]): RefusedChange | undefined => {
  const { allowedPaths, deniedPaths, maxChangedFiles } = policy;
  if (changes.length > maxChangedFiles)
    return refuseChange(
      "TooManyFiles",
      `the proposal changes ${changes.length} files; workspace.policy.maxChangedFiles is ${maxChangedFiles}`,
    );
  const misread = refuseMisread(policy);
  if (misread !== undefined) return misread;
  const allowed = allowedPaths.map(splitPattern);
  const denied = deniedPaths.map((text) => ({ text, pattern: splitPattern(text).map(foldComponent) }));
  for (const { path } of changes) {
    if (allowed.length > 0 && !allowed.some((pattern) => matches(pattern, split(path))))
      return refuseChange("PathNotInPolicy", `${shown(path)} is not among workspace.policy.allowedPaths`);
    const folded = foldAll(path);
    const onWindows = folded.map(withoutStream);
    const match = denied.find(({ pattern }) => matches(pattern, folded) || matches(pattern, onWindows));
    if (match !== undefined)
      return refuseChange("PathDenied", `${shown(path)} is among workspace.policy.deniedPaths ("${match.text}")`);
  }
  return undefined;
};
