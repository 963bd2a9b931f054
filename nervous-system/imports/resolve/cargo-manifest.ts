import { joinPath } from "./file-index.ts";
import { lazy } from "./lazy.ts";

/** What resolving takes of a Cargo.toml, each line of which is looked at once, when something of it is asked for. */
export type CargoManifest = {
  readonly directory: string;
  /** Where it says that a crate is in the tree, which may be its own; undefined where it does not, or that is outside. */
  directoryOf(crate: string): string | undefined;
  /** A crate's name as its package is called: what a manifest writes with `-` is written with `_` in sources. */
  packageNameOf(crate: string): string;
  /** Whether paths of `use` begin at the crate's root, as they did in 2015; a manifest that says nothing is of then. */
  isOf2015(): boolean;
};

const nameOfPackage = (text: string): string | undefined =>
  /^[ \t]{0,99}name[ \t]{0,99}=[ \t]{0,99}"([\w-]{1,99})"/m.exec(text)?.[1];

const identifierOf = (name: string): string => name.replaceAll("-", "_");

/** Pairs by the crate's name as sources write it; of several the first counts. */
const byCrate = (pairs: ReadonlyArray<readonly [key: string, value: string]>): ReadonlyMap<string, string> =>
  new Map(pairs.map(([key, value]) => [identifierOf(key), value] as const).toReversed());

const pathsIn = (text: string): ReadonlyMap<string, string> => {
  const found = text.matchAll(
    /^[ \t]{0,99}"?([\w-]{1,99})"?[ \t]{0,99}=[ \t]{0,99}\{[^}\n]{0,999}?path[ \t]{0,99}=[ \t]{0,99}"([^"\n]{1,999})"/gm,
  );
  return byCrate([...found].map(([, key = "", path = ""]) => [key, path]));
};

const packageNamesIn = (text: string): ReadonlyMap<string, string> => {
  const found = text.matchAll(
    /^[ \t]{0,99}(?:\[[\w-]{0,99}dependencies\.([\w-]{1,99})\]|"?([\w-]{1,99})"?[ \t]{0,99}=)/gm,
  );
  return byCrate([...found].map(([, table = "", key = table]) => [key, key]));
};

const is2015 = (text: string): boolean => {
  const edition = /^[ \t]{0,99}edition[ \t.].{0,99}$/m.exec(text)?.[0];
  return text !== "" && (edition === undefined || edition.includes('"2015"'));
};

/** Reads the Cargo.toml of a directory; its text is empty where there is none. */
export const readCargoManifest = (directory: string, text: string): CargoManifest => {
  const own = lazy(() => nameOfPackage(text));
  const paths = lazy(() => pathsIn(text));
  const packageNames = lazy(() => packageNamesIn(text));
  return {
    directory,
    directoryOf: (crate) => {
      if (identifierOf(own() ?? "") === crate) return directory;
      const path = paths().get(crate);
      return path === undefined ? undefined : joinPath(directory, path);
    },
    packageNameOf: (crate) => (crate.includes("_") ? (packageNames().get(crate) ?? crate) : crate),
    isOf2015: lazy(() => is2015(text)),
  };
};
