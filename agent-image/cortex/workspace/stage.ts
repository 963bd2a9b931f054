import type { Git } from "#nervous-system/git/git.ts";
import { RepositoryFailure } from "./repository.ts";

/** A path that Git cannot take into the record, and why, in words for the model. */
export type LeftOut = { readonly path: string; readonly why: string };

type Obstacle = { readonly says: RegExp; readonly why: string };

const ownRepository = "is a Git repository of its own";
const unencodable = "is not in the encoding that .gitattributes says";

// How Git names what it cannot take. One such path keeps it from taking any other, unless it is left out.
const obstacles: readonly Obstacle[] = [
  { says: /^error: '(.+?)\/?' does not have a commit checked out$/gm, why: ownRepository },
  { says: /^warning: adding embedded git repository: (.+)$/gm, why: ownRepository },
  { says: /^error: open\("(.+)"\): .+$/gm, why: "cannot be read" },
  { says: /^(?:fatal|error): BOM is (?:required|prohibited) in '(.+)' if encoded as .+$/gm, why: unencodable },
  { says: /^(?:fatal|error): failed to encode '(.+)' from .+ to .+$/gm, why: unencodable },
  { says: /^(?:fatal|error): encoding '(.+)' from .+ to .+ and back is not the same$/gm, why: unencodable },
  { says: /^error: unable to index file '(.+)'$/gm, why: "cannot be read" },
  { says: /^error: [Ii]nvalid path '(.+)'$/gm, why: "has a name that Git does not take" },
];

const mostLeftOut = 1000;

const addObstacles = (stderr: string, leftOut: Map<string, string>): boolean => {
  const before = leftOut.size;
  for (const { says, why } of obstacles)
    for (const [, path = ""] of stderr.matchAll(says)) if (!leftOut.has(path)) leftOut.set(path, why);
  return leftOut.size > before && leftOut.size <= mostLeftOut;
};

// An embedded repository is taken as a submodule, without its files.
const dropEmbedded = async (git: Git, leftOut: ReadonlyMap<string, string>): Promise<void> => {
  const paths = [...leftOut].filter(([, why]) => why === ownRepository).map(([path]) => path);
  // Without a path Git would list everything, and the submodules that are the repository's own.
  if (paths.length === 0) return;
  const listed = await git.run(["ls-files", "--stage", "-z", "--", ...paths]);
  if (listed.kind === "failed") throw new RepositoryFailure(listed.message);
  const links = listed.stdout
    .toString()
    .split("\0")
    .filter((entry) => entry.startsWith("160000 "));
  const removed = links.map((entry) => `${entry.slice(entry.indexOf("\t") + 1)}\0`).join("");
  await git.run(["update-index", "-z", "--force-remove", "--stdin"], { input: removed });
};

/** Stages everything in the workspace but what Git cannot take, and answers that. */
export const stageAll = async (git: Git): Promise<readonly LeftOut[]> => {
  const leftOut = new Map<string, string>();
  for (;;) {
    const without = [...leftOut.keys()].map((path) => `:(exclude,top,literal)${path}`);
    const env = { GIT_LITERAL_PATHSPECS: "0" };
    const added = await git.run(["add", "--all", "--ignore-errors", "--", ":(top)", ...without], { env });
    const isNew = addObstacles(added.stderr, leftOut);
    if (added.kind === "ok") break;
    if (isNew) continue;
    // With 1 it has taken the rest, with 128 nothing.
    if (added.code !== 1) throw new RepositoryFailure(added.message);
    leftOut.set("something", `is not taken (${added.message})`);
    break;
  }
  if (leftOut.size > 0) await dropEmbedded(git, leftOut);
  return [...leftOut].map(([path, why]) => ({ path, why }));
};
