import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "#platform/environment.ts";
import type { Random } from "#test/simulation/random.ts";

/** Takes slices of source code: text that compresses and repeats itself as what agents write does. */
export type SourceText = (random: Random, fewest: number, most: number) => string;

/** Reads the repository's own sources for it. */
export const readSourceText = (): SourceText => {
  const names = globSync("{nervous-system,pipeline}/**/*.ts", { cwd: repositoryRoot }).toSorted();
  const source = names.map((name) => readFileSync(join(repositoryRoot, name), "utf8")).join("");
  return (random, fewest, most) => {
    const length = random.between(fewest, most);
    const from = random.between(0, source.length - length);
    return source.slice(from, from + length).toWellFormed();
  };
};
