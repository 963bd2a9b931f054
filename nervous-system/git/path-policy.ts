import type { RawChange } from "#nervous-system/git/raw-diff.ts";

/** Why a change is not published, whatever else it holds. */
export type RefusedChange = { readonly kind: "refused"; readonly reason: string; readonly message: string };

/** Refuses a change. */
export const refuseChange = (reason: string, message: string): RefusedChange => ({ kind: "refused", reason, message });

/** Files that one proposal may change. */
const maxChangedFiles = 200;

const regularModes = new Set(["100644", "100755"]);

// What file systems of other machines take away or read as the same: HFS+ ignores these characters, Windows trailing dots and spaces.
const ignored = /\p{Default_Ignorable_Code_Point}/gu;

/** How a path component looks to the least distinguishing file system. */
export const foldComponent = (component: string): string =>
  component
    .normalize("NFKC")
    .replaceAll(ignored, "")
    .replace(/[. ]+$/, "")
    .toLowerCase();

// Git's own files change what Git does with a repository; only these two do not.
const harmlessGitFiles = new Set([".gitignore", ".gitkeep"]);

/** Paths that make a forge or a CI run something, or that say who must approve. */
const ciPaths = [
  /^\.(github|gitea|forgejo|gitlab|circleci|buildkite|woodpecker|tekton|semaphore)$/,
  /^\.(gitlab-ci|travis|drone|woodpecker|appveyor|cirrus|pre-commit-config)\.ya?ml$/,
  /^(jenkinsfile|azure-pipelines\.ya?ml|bitbucket-pipelines\.ya?ml|appveyor\.yml|codeowners|cloudbuild\.ya?ml)$/,
];

const judgeComponent = (component: string): string | undefined => {
  const folded = foldComponent(component);
  // "." and ".." fold to nothing too.
  if (folded === "") return "is no path that every machine can have";
  if (ciPaths.some((pattern) => pattern.test(folded)))
    return "belongs to CI or to the forge, which an agent may not change";
  if (/^git~[0-9]+$/.test(folded) || (folded.startsWith(".git") && !harmlessGitFiles.has(folded)))
    return "is read by Git itself, which an agent may not change";
  return undefined;
};

const hasControlCharacter = (path: string): boolean => /[\p{Cc}\\]/u.test(path);

/** Why a path must not be changed, in a few words; undefined where it may. */
export const judgePath = (path: string): string | undefined => {
  if (hasControlCharacter(path)) return "has a control character or a backslash";
  for (const component of path.split("/")) {
    const why = judgeComponent(component);
    if (why !== undefined) return why;
  }
  return undefined;
};

const judgeModes = ({ oldMode, newMode, path }: RawChange): string | undefined => {
  const modes = [oldMode, newMode].filter((mode) => mode !== "000000");
  if (modes.includes("120000")) return `"${path}" is a symbolic link`;
  if (modes.includes("160000")) return `"${path}" is a submodule`;
  return modes.every((mode) => regularModes.has(mode)) ? undefined : `"${path}" is not a regular file (${newMode})`;
};

/** Judges what a proposal changes: how much, which kinds of entries, which paths. */
export const judgeChanges = (changes: readonly RawChange[]): RefusedChange | undefined => {
  if (changes.length === 0) return refuseChange("NothingChanged", "the proposal changes no file");
  if (changes.length > maxChangedFiles)
    return refuseChange(
      "TooManyFiles",
      `the proposal changes ${changes.length} files; at most ${maxChangedFiles} are accepted`,
    );
  for (const change of changes) {
    const wrongMode = judgeModes(change);
    if (wrongMode !== undefined)
      return refuseChange("EntryNotAllowed", `${wrongMode}, which a proposal may not contain`);
    const wrongPath = judgePath(change.path);
    if (wrongPath !== undefined) return refuseChange("PathNotAllowed", `"${change.path}" ${wrongPath}`);
  }
  return undefined;
};

const prefixesOf = (path: string): readonly string[] => {
  const parts = path.split("/");
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
};

const foldPath = (path: string): string => path.split("/").map(foldComponent).join("/");

/** The paths of the base, from those of the new tree and what changed on the way. */
const basePaths = (tree: readonly string[], changes: readonly RawChange[]): readonly string[] => {
  const added = new Set(changes.filter(({ oldMode }) => oldMode === "000000").map(({ path }) => path));
  const deleted = changes.filter(({ newMode }) => newMode === "000000").map(({ path }) => path);
  return [...tree.filter((path) => !added.has(path)), ...deleted];
};

/** Finds a spelling that is new and that some machines cannot tell from another of the tree; what the base has stays as it is. */
export const judgeCollisions = (tree: readonly string[], changes: readonly RawChange[]): RefusedChange | undefined => {
  const known = new Set(basePaths(tree, changes).flatMap(prefixesOf));
  const added = changes.filter(({ oldMode }) => oldMode === "000000").flatMap(({ path }) => prefixesOf(path));
  const fresh = [...new Set(added)].filter((spelling) => !known.has(spelling));
  const spellings = new Map<string, string>();
  for (const spelling of fresh) {
    const folded = foldPath(spelling);
    const other = spellings.get(folded);
    if (other !== undefined) return collision(spelling, other);
    spellings.set(folded, spelling);
  }
  for (const spelling of new Set(tree.flatMap(prefixesOf))) {
    const other = spellings.get(foldPath(spelling));
    if (other !== undefined && other !== spelling) return collision(other, spelling);
  }
  return undefined;
};

const collision = (a: string, b: string): RefusedChange =>
  refuseChange("PathNotAllowed", `"${a}" and "${b}" are the same path on machines that do not tell them apart`);
