import { ancestorsOf, below, directoryOf, joinPath } from "./file-index.ts";
import { lazy } from "./lazy.ts";
import { packageUrl } from "./package-url.ts";
import { nearest, type Resolve } from "./tree.ts";

const moduleIn = (manifest: string): string | undefined =>
  /^[ \t]{0,99}module[ \t]{1,99}"?([^\s"]{1,999})/m.exec(manifest)?.[1];

/** The modules that a go.mod requires, which a package is of whose path continues theirs. */
const requiredIn = (manifest: string): ReadonlySet<string> =>
  new Set(
    [...manifest.matchAll(/^[ \t]{0,99}(?:require[ \t]{1,99})?([^\s()"]{1,999})[ \t]{1,99}v\d/gm)].map(
      ([, module = ""]) => module,
    ),
  );

/** The longest part of a path that is a module. */
const moduleOf = (path: string, modules: ReadonlySet<string>): string | undefined =>
  ancestorsOf(path).find((one) => one !== "" && modules.has(one));

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
export const resolveGo: Resolve = (path, { files, manifests }) => {
  const at = nearest(path, "go.mod", files);
  const manifest = manifests.get(at ?? "") ?? "";
  const module = moduleIn(manifest);
  const required = lazy(() => requiredIn(manifest));
  return (specifier) => {
    if (at !== undefined && module !== undefined && isWithin(specifier, module)) {
      const directory = joinPath(directoryOf(at), specifier.slice(module.length + 1)) ?? "";
      const sources = files.namesIn(directory).filter((name) => name.endsWith(".go") && !name.endsWith("_test.go"));
      return sources.map((name) => below(directory, name));
    }
    if (!specifier.split("/", 1)[0]?.includes(".")) return [];
    return packageUrl("golang", (moduleOf(specifier, required()) ?? guessModule(specifier)).toLowerCase());
  };
};
