import { resolve } from "node:path";
import { runBounded, type BoundedEnd } from "#nervous-system/git/bounded-process.ts";
import type { Host } from "./host.ts";

/** A repository with a work tree, by absolute paths. */
export type FoundRepository = {
  /** The work tree. */
  readonly top: string;
  readonly gitDir: string;
  readonly index: string;
  readonly objects: string;
  /** The repository's own ignore rules, which nobody commits. */
  readonly exclude: string;
  /** `sha1` or `sha256`. */
  readonly objectFormat: string;
};

/** How long Git may take over what is asked before the program starts: on a FIFO in place of a file it waits for ever. */
export const BEFORE_PROGRAM_MS = 2000;

// Those of a hook that we run in: they would name its repository, whichever directory we are in.
const ofOneRepository = new Set([
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_COMMON_DIR",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
]);

const environmentOf = (env: Host["env"]): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !ofOneRepository.has(entry[0]),
    ),
  ),
  LANGUAGE: "",
  LC_ALL: "C.UTF-8",
});

const whyNot = ({ why, stderr }: BoundedEnd): string | undefined => {
  if (why === "timedOut") return `Git did not find the repository within ${BEFORE_PROGRAM_MS} ms`;
  const fault = /^fatal: (.+)$/m.exec(stderr)?.[1];
  if (fault === undefined || /not a git repository|must be run in a work tree/.test(fault)) return undefined;
  const remedy = /^\s*(git config --global --add safe\.directory .+)$/m.exec(stderr)?.[1];
  return remedy === undefined ? fault : `${fault}; if you trust whoever owns it: ${remedy}`;
};

/**
 * Finds the repository that a directory is in the work tree of; undefined where there is none, or no Git. Throws where Git
 * refuses it, such as another user's. It is asked with the user's own settings, which say whom he trusts, and for names alone:
 * of the repository's settings none runs a program then. Later calls name what was found, so that a `core.worktree` that is
 * set meanwhile leads nobody elsewhere.
 */
export const findRepository = async (
  { env, clock }: Pick<Host, "env" | "clock">,
  directory: string,
): Promise<FoundRepository | undefined> => {
  const files = ["index", "objects", "info/exclude"].flatMap((name) => ["--git-path", name]);
  const found = await runBounded({
    program: "git",
    args: ["-C", directory, "rev-parse", "--show-toplevel", "--absolute-git-dir", ...files, "--show-object-format"],
    env: environmentOf(env),
    timeoutMs: BEFORE_PROGRAM_MS,
    maxOutputBytes: 65_536,
    clock,
  });
  if (found.code !== 0) {
    const trouble = whyNot(found);
    if (trouble !== undefined) throw new Error(trouble);
    return undefined;
  }
  const [top = "", gitDir = "", index = "", objects = "", exclude = "", objectFormat = ""] = found.stdout
    .toString("utf8")
    .split("\n");
  const at = (path: string): string => resolve(directory, path);
  return { top, gitDir, index: at(index), objects: at(objects), exclude: at(exclude), objectFormat };
};
