import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot } from "#platform/environment.ts";

/** The environment that the scribe's image gives it, limits of V8 and of glibc, so that what is measured is what is shipped. */
export const imageEnvironment = async (): Promise<Record<string, string>> => {
  const line = /^ENV (.*)$/m.exec(await readFile(join(repositoryRoot, "scribe/Dockerfile"), "utf8"))?.[1];
  if (line === undefined) throw new Error("scribe/Dockerfile sets no environment");
  return Object.fromEntries(
    [...line.matchAll(/(\w+)=(?:"([^"]*)"|(\S+))/g)].map(([, name, quoted, bare]) => [name, quoted ?? bare]),
  );
};
