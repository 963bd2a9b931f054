import { below, directoryOf, type FileIndex } from "./file-index.ts";
import { packageUrl } from "./package-url.ts";
import type { Resolve } from "./tree.ts";

const OF_THE_JDK =
  /^(?:java|jdk|sun|com\.sun|org\.w3c\.dom|org\.xml\.sax|org\.ietf\.jgss|javax\.(?:accessibility|annotation\.processing|crypto|imageio|lang\.model|management|naming|net|print|rmi|script|security|sound|sql|swing|tools|transaction\.xa|xml))(?:\.|$)/;

const commonLength = (one: string, other: string): number => {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
};

/** Of the files of one class, as several modules may have it, the one that is nearest. */
const nearestTo = (path: string, found: readonly string[]): string | undefined => {
  let best: { file: string; common: number } | undefined;
  for (const file of found) {
    const common = commonLength(file, path);
    const isNearer = best === undefined || common > best.common || (common === best.common && file < best.file);
    if (isNearer) best = { file, common };
  }
  return best?.file;
};

/** The file of a class by its whole name, which a source may name often, each time with something else in it. */
type ClassFile = (names: readonly string[]) => string | undefined;

const createClassFile = (path: string, files: FileIndex): ClassFile => {
  const known = new Map<string, string | undefined>();
  return (names) => {
    const suffix = `${names.join("/")}.java`;
    if (!known.has(suffix)) known.set(suffix, nearestTo(path, files.javaFilesAt(suffix)));
    return known.get(suffix);
  };
};

/** The file of a class: what stands behind its name is something in it. */
const longest = (names: readonly string[], classFile: ClassFile): string | undefined => {
  for (let length = names.length; length > 1; length -= 1) {
    const found = classFile(names.slice(0, length));
    if (found !== undefined) return found;
  }
  return undefined;
};

const packageOf = (names: readonly string[]): string => {
  const end = names.findIndex((name) => /^\p{Lu}/u.test(name));
  return names.slice(0, end < 0 ? names.length : end).join(".");
};

const packageFiles = (packageName: string, path: string, files: FileIndex): string[] => {
  const isSource = (name: string): boolean => name.endsWith(".java");
  return files
    .directoriesAt(packageName.replaceAll(".", "/"))
    .filter((directory) => directory !== directoryOf(path))
    .flatMap((directory) =>
      files
        .namesIn(directory)
        .filter(isSource)
        .map((name) => below(directory, name)),
    );
};

/**
 * Resolves classes and packages to the sources in the tree, wherever their roots are. Of others, those that the JDK does not
 * bring are named by their package, as no source says which artifact they are of.
 */
export const resolveJava: Resolve = (path, { files }) => {
  const classFile = createClassFile(path, files);
  return (specifier) => {
    const isAll = specifier.endsWith(".*");
    const names = (isAll ? specifier.slice(0, -2) : specifier).split(".");
    const found = longest(names, classFile);
    if (found !== undefined) return [found];
    const inTree = isAll ? packageFiles(names.join("."), path, files) : [];
    if (inTree.length > 0) return inTree;
    const packageName = packageOf(isAll ? names : names.slice(0, -1));
    return packageName === "" || OF_THE_JDK.test(packageName) ? [] : packageUrl("maven", packageName);
  };
};
