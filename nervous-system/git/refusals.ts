import { nameOf, type Path } from "#nervous-system/git/paths.ts";

/** A path that Git cannot take, and why, in words for whoever made it. */
export type Refusal = { readonly path: Path; readonly why: string };

/** Why a repository in the work tree is not taken. */
export const OWN_REPOSITORY = "is a Git repository of its own";
/** Why a file is not taken that nobody let us read, or that is none. */
export const UNREADABLE = "cannot be read";
const UNENCODABLE = "is not in the encoding that .gitattributes says";

// How `git update-index` names what it cannot take; with the first `fatal` it ends, and has taken nothing.
const patterns: ReadonlyArray<{ says: RegExp; why: string }> = [
  { says: /^error: (.+): is a directory - add files inside instead$/gm, why: OWN_REPOSITORY },
  { says: /^(?:fatal|error): BOM is (?:required|prohibited) in '(.+)' if encoded as .+$/gm, why: UNENCODABLE },
  { says: /^(?:fatal|error): failed to encode '(.+)' from .+ to .+$/gm, why: UNENCODABLE },
  { says: /^(?:fatal|error): encoding '(.+)' from .+ to .+ and back is not the same$/gm, why: UNENCODABLE },
  { says: /^fatal: (.+): clean filter '.+' failed$/gm, why: "is not what a filter of .gitattributes takes" },
  { says: /^Ignoring path (.+)$/gm, why: "has a name that Git does not take" },
  { says: /^fatal: Unable to process path (.+)$/gm, why: UNREADABLE },
];

// Then it is the repository that takes nothing, whichever path comes first.
const isFull = /: failed to insert into database$/m;

// Git shows a control character as a question mark.
const shownAs = (path: Path): string => nameOf(path).replaceAll(/[^\P{Cc}\t\n]/gu, "?");

/** Which of the paths Git's words say that it cannot take. */
export const refusalsIn = (stderr: string, paths: readonly Path[]): Refusal[] => {
  const named = new Map<string, string>();
  for (const { says, why } of patterns)
    for (const [, name = ""] of stderr.matchAll(says)) if (!named.has(name)) named.set(name, why);
  if (named.size === 0 || isFull.test(stderr)) return [];
  return paths.flatMap((path) => {
    const why = named.get(shownAs(path));
    return why === undefined ? [] : [{ path, why }];
  });
};
