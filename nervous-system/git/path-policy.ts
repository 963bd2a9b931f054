import { Buffer } from "node:buffer";
import { plainText } from "#nervous-system/kernel/plain-text.ts";
import { controlOf } from "#nervous-system/git/control-paths.ts";
import type { PublicationRefusal } from "#nervous-system/schemas/publication-refusals.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";

/** Why a change is not published, whatever else it holds. */
export type RefusedChange = { readonly kind: "refused"; readonly reason: PublicationRefusal; readonly message: string };

/** Refuses a change. */
export const refuseChange = (reason: PublicationRefusal, message: string): RefusedChange => ({
  kind: "refused",
  reason,
  message,
});

/** Files that one proposal may change. */
const maxChangedFiles = 200;

/** What common file systems take: a longer path is no use to most machines, and long names make all that reads them slow. */
const maxPathBytes = 1024;
/** Of one component; file systems take no more. */
const maxComponentBytes = 255;
/** Components of one path. */
const maxPathDepth = 64;

const none = "000000";
const regularModes = new Set(["100644", "100755"]);

// What file systems of other machines take away or read as the same: HFS+ ignores these characters, Windows trailing dots and spaces.
const ignored = /\p{Default_Ignorable_Code_Point}/gu;

const plain = /^[ -~]*$/;

/** Without the dots and spaces at its end; the pattern for it would try each run of them again from its middle. */
const withoutTail = (text: string): string => {
  let end = text.length;
  while (end > 0 && (text[end - 1] === "." || text[end - 1] === " ")) end -= 1;
  return text.slice(0, end);
};

/** How a path component of at most `maxComponentBytes` looks to the least distinguishing file system. */
export const foldComponent = (component: string): string =>
  withoutTail(plain.test(component) ? component : component.normalize("NFKC").replaceAll(ignored, "")).toLowerCase();

/** Whether file systems can have a component of so many bytes; Unicode takes time by the square to sort the marks of a longer one. */
export const isPossibleComponent = (component: string): boolean => Buffer.byteLength(component) <= maxComponentBytes;

/**
 * The file or folder of a component: NTFS keeps `name:stream` in `name`, and `name::$INDEX_ALLOCATION` is the folder itself.
 */
export const withoutStream = (component: string): string => component.split(":", 1)[0] ?? "";

// Git's own files change what Git does with a repository; only these two do not.
const harmlessGitFiles = new Set([".gitignore", ".gitkeep"]);

const judgeComponent = (component: string, isFile: boolean): string | undefined => {
  const folded = foldComponent(component);
  // "." and ".." fold to nothing too.
  if (folded === "") return "is no path that every machine can have";
  const control = controlOf(folded, isFile) ?? controlOf(withoutStream(folded), isFile);
  if (control !== undefined) return `${control}, which an agent may not change`;
  // The short name that Windows gives to a longer one, `.git` and `.vscode` among them.
  if (/^[^.]{1,6}~[0-9]/.test(folded)) return "is a short name of Windows, for another file";
  if (folded.startsWith(".git") && !harmlessGitFiles.has(folded))
    return "is read by Git itself, which an agent may not change";
  return undefined;
};

// What turns the direction of reading lets `gpj.exe` be read as `exe.jpg`.
const isPlain = (path: string): boolean => !/[\p{Cc}\\\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(path);

// Before anything looks into the path: what is short is cheap to look into.
const judgeSize = (path: string): string | undefined => {
  if (Buffer.byteLength(path) > maxPathBytes) return `is longer than ${maxPathBytes} bytes`;
  const components = path.split("/");
  if (components.length > maxPathDepth) return `is deeper than ${maxPathDepth} folders`;
  return components.every(isPossibleComponent) ? undefined : `has a name longer than ${maxComponentBytes} bytes`;
};

/** Why a path must not be changed, in a few words; undefined where it may. */
export const judgePath = (path: string): string | undefined => {
  const tooLarge = judgeSize(path);
  if (tooLarge !== undefined) return tooLarge;
  if (!isPlain(path)) return "has a control character, one that turns the direction of reading, or a backslash";
  const components = path.split("/");
  for (const [place, component] of components.entries()) {
    const why = judgeComponent(component, place === components.length - 1);
    if (why !== undefined) return why;
  }
  return undefined;
};

// Whoever has one of these cannot check the commit out on Windows at all.
const reserved = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9]|conin\$|conout\$) *(?:\.|$)/;

/** Why a file of that name must not be added; a repository that has such names already keeps them. */
const judgeNewName = (name: string): string | undefined =>
  reserved.test(foldComponent(name)) || /[<>:"|?*]|[. ]$/.test(name)
    ? "has a name that Windows does not take, where nobody could check the change out"
    : undefined;

const maxShownCharacters = 200;

/** A path in quotes, cut where it is too long for a message, and without what a terminal would obey. */
export const shown = (path: string): string =>
  plainText(path.length <= maxShownCharacters ? `"${path}"` : `"${path.slice(0, maxShownCharacters)}…"`);

const judgeModes = ({ oldMode, newMode, path }: RawChange): string | undefined => {
  const modes = [oldMode, newMode].filter((mode) => mode !== none);
  if (modes.includes("120000")) return `${shown(path)} is a symbolic link`;
  if (modes.includes("160000")) return `${shown(path)} is a submodule`;
  return modes.every((mode) => regularModes.has(mode))
    ? undefined
    : `${shown(path)} is not a regular file (${newMode})`;
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
    const { path, oldMode } = change;
    const wrongPath = judgePath(path) ?? (oldMode === none ? judgeNewName(path.split("/").at(-1) ?? "") : undefined);
    if (wrongPath !== undefined) return refuseChange("PathNotAllowed", `${shown(change.path)} ${wrongPath}`);
  }
  return undefined;
};
