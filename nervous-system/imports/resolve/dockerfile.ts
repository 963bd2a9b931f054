import { below, directoryOf, joinPath, type FileIndex } from "./file-index.ts";
import { packageUrl } from "./package-url.ts";
import type { Resolve } from "./tree.ts";

const imageUrl = (reference: string): readonly string[] => {
  const untagged = reference.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
  const [first = "", ...rest] = untagged.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  if (!isHost) return packageUrl("docker", untagged.replace(/^library\//, ""));
  const isHub = first === "docker.io";
  const name = isHub ? rest.join("/").replace(/^library\//, "") : rest.join("/");
  return packageUrl("docker", name, isHub ? "" : `?repository_url=${encodeURIComponent(first)}`);
};

const fitsPattern = (name: string, pattern: string): boolean => {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return name === pattern;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  const last = rest.pop() ?? "";
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
};

const isPlain = (text: string): boolean => !/[*?[]/.test(text);

/** Files of a pattern whose stars are in its last segment; else the directory that all it can mean are in. */
const findPattern = (path: string, files: FileIndex): string[] => {
  const directory = directoryOf(path);
  if (isPlain(directory) && !/[?[]/.test(path)) {
    const pattern = path.slice(directory === "" ? 0 : directory.length + 1);
    return files
      .namesIn(directory)
      .filter((name) => fitsPattern(name, pattern))
      .map((name) => below(directory, name));
  }
  const segments = path.split("/");
  const plain = segments.slice(
    0,
    segments.findIndex((segment) => !isPlain(segment)),
  );
  return files.hasDirectory(plain.join("/")) ? [`${plain.join("/")}/`.replace(/^\/$/, "./")] : [];
};

const findCopied = (path: string, files: FileIndex): string[] => {
  if (!isPlain(path)) return findPattern(path, files);
  if (files.has(path)) return [path];
  return files.hasDirectory(path) ? [path === "" ? "./" : `${path}/`] : [];
};

/**
 * Resolves images to package URLs, and what is copied from the build context, which is taken to be the Dockerfile's directory,
 * else the top of the tree. A directory that is copied whole ends with `/` and stands for all that is in it.
 */
export const resolveDockerfile: Resolve =
  (path, { files }) =>
  (specifier) => {
    const [, kind, name = ""] = /^(image|copy):(.*)$/s.exec(specifier) ?? [];
    if (kind === "image") return imageUrl(name);
    for (const context of new Set([directoryOf(path), ""])) {
      const inContext = joinPath("", name);
      const found = inContext === undefined ? [] : findCopied(joinPath(context, inContext) ?? "", files);
      if (found.length > 0) return found;
    }
    return [];
  };
