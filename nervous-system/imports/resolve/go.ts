import { below, directoryOf, joinPath } from "./file-index.ts";
import { packageUrl } from "./package-url.ts";
import { nearest, type Resolve } from "./tree.ts";

const moduleIn = (manifest: string): string | undefined =>
  /^\s{0,99}module\s{1,99}"?([^\s"]{1,999})/m.exec(manifest)?.[1];

/** The modules that a go.mod requires, which a package is of whose path continues theirs. */
const requiredIn = (manifest: string): string[] =>
  [...manifest.matchAll(/^\s{0,99}(?:require\s{1,99})?([^\s()"]{1,999})\s{1,99}v\d/gm)].map(
    ([, module = ""]) => module,
  );

const isWithin = (path: string, module: string): boolean => path === module || path.startsWith(`${module}/`);

const hosts = new Set(["github.com", "gitlab.com", "bitbucket.org"]);

const guessModule = (specifier: string): string => {
  const [host = "", ...rest] = specifier.split("/");
  return hosts.has(host) ? [host, ...rest.slice(0, 2)].join("/") : specifier;
};

/**
 * Resolves packages of the nearest go.mod to the files that they are made of, tests not among them; others to the module that
 * go.mod requires, else by their path. The standard library is no dependency: its paths begin with no host.
 */
export const resolveGo: Resolve = (specifier, path, { files, manifests }) => {
  const at = nearest(path, "go.mod", files);
  const manifest = manifests.get(at ?? "") ?? "";
  const module = moduleIn(manifest);
  if (at !== undefined && module !== undefined && isWithin(specifier, module)) {
    const directory = joinPath(directoryOf(at), specifier.slice(module.length + 1)) ?? "";
    const sources = files.namesIn(directory).filter((name) => name.endsWith(".go") && !name.endsWith("_test.go"));
    return sources.map((name) => below(directory, name));
  }
  if (!specifier.split("/", 1)[0]?.includes(".")) return [];
  const required = requiredIn(manifest)
    .filter((one) => isWithin(specifier, one))
    .toSorted((one, other) => other.length - one.length);
  return packageUrl("golang", (required[0] ?? guessModule(specifier)).toLowerCase());
};
