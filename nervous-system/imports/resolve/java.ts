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
const nearestTo = (path: string, found: readonly string[]): string | undefined =>
  found.toSorted((one, other) => commonLength(other, path) - commonLength(one, path) || (one < other ? -1 : 1))[0];

const filesOf = (packageName: string, names: (directory: string) => readonly string[], files: FileIndex): string[] =>
  files
    .directoriesAt(packageName.replaceAll(".", "/"))
    .flatMap((directory) => names(directory).map((name) => below(directory, name)));

/** The file of a class: what stands behind its name is something in it. */
const classFile = (names: readonly string[], path: string, files: FileIndex): string | undefined => {
  for (let length = names.length; length > 1; length -= 1) {
    const name = `${names[length - 1]}.java`;
    const inPackage = filesOf(names.slice(0, length - 1).join("."), () => [name], files);
    const found = nearestTo(
      path,
      inPackage.filter((one) => files.has(one)),
    );
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
  const found = filesOf(packageName, (directory) => files.namesIn(directory).filter(isSource), files);
  return found.filter((one) => directoryOf(one) !== directoryOf(path));
};

/**
 * Resolves classes and packages to the sources in the tree, wherever their roots are. Of others, those that the JDK does not
 * bring are named by their package, as no source says which artifact they are of.
 */
export const resolveJava: Resolve = (specifier, path, { files }) => {
  const isAll = specifier.endsWith(".*");
  const names = (isAll ? specifier.slice(0, -2) : specifier).split(".");
  const found = classFile(names, path, files);
  if (found !== undefined) return [found];
  const inTree = isAll ? packageFiles(names.join("."), path, files) : [];
  if (inTree.length > 0) return inTree;
  const packageName = packageOf(isAll ? names : names.slice(0, -1));
  return packageName === "" || OF_THE_JDK.test(packageName) ? [] : packageUrl("maven", packageName);
};
