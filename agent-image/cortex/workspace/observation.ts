import { changesBetween, type FileChange } from "#nervous-system/git/file-changes.ts";
import { defaultPolicy, type ChangePolicy } from "#nervous-system/git/change-policy.ts";
import { judgeProposal } from "#nervous-system/git/judge-proposal.ts";
import { knownSecretIn } from "#nervous-system/recorder/redact.ts";
import { textOf, type Repository } from "./repository.ts";
import { keepOutside } from "./sparse.ts";
import { createStaging, type LeftOut } from "./stage.ts";

/** One look at the workspace: the trees before and after, and the files that differ. */
export type Observation = {
  readonly before: string;
  readonly after: string;
  readonly changes: readonly FileChange[];
  /** What the model must know of its work in time: paths that are not taken, and why the whole would not be published. */
  readonly warnings: readonly string[];
};

const writeTree = async (repository: Repository, before: string): Promise<string> => {
  const tree = await textOf(repository.record, ["write-tree"]);
  const isWhole = tree === before || !(await keepOutside(repository, before, tree));
  return isWhole ? tree : textOf(repository.record, ["write-tree"]);
};

const tell = ({ path, why }: LeftOut): string => `"${path}" ${why}: it is neither recorded nor proposed`;

/** Sees what changed in the workspace since it looked last. */
export type Observer = {
  /** Looks now; tracked files and untracked ones that are not ignored count, with their modes and links. */
  observe(): Promise<Observation>;
  /** Everything that changed since the base. */
  sinceBase(): Promise<Observation>;
  /** Why what changed since the base would not be published; undefined where nothing is known against it. */
  refusal(): Promise<string | undefined>;
};

/** Creates an observer of a repository as it was laid out; `policy`: what may be published of it. */
export const createObserver = (repository: Repository, policy: ChangePolicy = defaultPolicy): Observer => {
  const { record, baseTree, startTree } = repository;
  const stageAll = createStaging(repository);
  let seen = startTree;
  let leftOut: readonly LeftOut[] = [];
  const refusal = async (): Promise<string | undefined> => {
    if (seen === baseTree) return undefined;
    const judged = await judgeProposal(record, { base: baseTree, head: seen }, { policy, secretIn: knownSecretIn });
    // A repository too large to be judged here may still be judged by the publisher.
    return judged.kind === "refused" ? judged.message : undefined;
  };
  return {
    observe: async () => {
      const before = seen;
      const known = new Set(leftOut.map(({ path }) => path));
      leftOut = await stageAll();
      const after = await writeTree(repository, before);
      const news = leftOut.filter(({ path }) => !known.has(path)).map(tell);
      if (after === before) return { before, after, changes: [], warnings: news };
      const changes = await changesBetween(record, before, after);
      seen = after;
      const refused = await refusal();
      const warnings = refused === undefined ? news : [...news, `as it is, this will not be published: ${refused}`];
      return { before, after, changes, warnings };
    },
    sinceBase: async () => ({
      before: baseTree,
      after: seen,
      changes: seen === baseTree ? [] : await changesBetween(record, baseTree, seen),
      warnings: leftOut.map(tell),
    }),
    refusal,
  };
};
