import { constants } from "node:fs";
import { access, copyFile, rm } from "node:fs/promises";
import type { Git, GitRunOptions } from "#nervous-system/git/git.ts";
import { GitFailed, mustRun } from "#nervous-system/git/must-run.ts";
import { mapSome, type Place } from "#nervous-system/git/places.ts";
import { locate, renderList, type Path } from "#nervous-system/git/paths.ts";
import { rememberRefusals } from "#nervous-system/git/refusal-memory.ts";
import { refusalsIn, UNREADABLE, type Refusal } from "#nervous-system/git/refusals.ts";

/** A work tree, and Git in it with the index to stage in, by its file. */
export type StagedTree = { readonly git: Git; readonly top: string; readonly index: string };

const update = ["update-index", "-z", "--add", "--remove", "--replace", "--stdin"];

const isReadable = async (top: string, { path, stats }: Place): Promise<boolean> => {
  if (stats?.isFile() !== true) return true;
  return access(locate(top, path), constants.R_OK).then(
    () => true,
    () => false,
  );
};

const isGone = ({ kind, stats }: Place): boolean => kind === "gone" && stats === undefined;

/**
 * What Git would not take: where it writes no objects, what is not in its encoding ends no call, so that one names them all.
 * After what does end it, it goes on with the rest, so that no file is read twice.
 */
const findRefusals = async ({ git, index }: StagedTree, paths: readonly Path[]): Promise<Refusal[]> => {
  const all: Refusal[] = [];
  const scratch = `${index}.scratch`;
  for (let rest = paths; rest.length > 0;) {
    await rm(`${scratch}.lock`, { force: true }); // of a call that was ended
    await copyFile(index, scratch).catch(() => undefined); // there is none yet
    const call: GitRunOptions = { input: renderList(rest), env: { GIT_INDEX_FILE: scratch } };
    const tried = await git.run(["update-index", "--info-only", ...update.slice(1)], call);
    const found = refusalsIn(tried.stderr, rest);
    all.push(...found);
    const last = found.at(-1);
    if (tried.kind === "ok" || last === undefined) break;
    rest = rest.slice(rest.indexOf(last.path) + 1);
  }
  await rm(scratch, { force: true });
  return all;
};

/** Stages all of the paths but what Git refuses, which would spoil all the others; answers that. */
const stagePaths = async (tree: StagedTree, paths: readonly Path[]): Promise<Refusal[]> => {
  const refused: Refusal[] = [];
  for (let wanted = paths; wanted.length > 0;) {
    const staged = await tree.git.run(update, { input: renderList(wanted) });
    const found = refusalsIn(staged.stderr, wanted);
    refused.push(...found);
    if (staged.kind === "ok") break;
    if (found.length === 0) throw new GitFailed(staged);
    const without = (refusals: readonly Refusal[]): Path[] => {
      const names = new Set(refusals.map(({ path }) => path));
      return wanted.filter((path) => !names.has(path));
    };
    wanted = without(found);
    const more = await findRefusals(tree, wanted);
    refused.push(...more);
    wanted = without(more);
  }
  return refused;
};

/** Puts places into the index as they are in the work tree, and answers those that Git cannot take; throws `GitFailed`. */
export type Stager = (places: readonly Place[]) => Promise<Refusal[]>;

/** Creates the stager of a work tree; what was refused is asked for again once it, or its attributes, are others. */
export const createStager = (tree: StagedTree): Stager => {
  const stage = rememberRefusals(tree.top, (paths) => stagePaths(tree, paths));
  return async (places) => {
    const [gone, there] = [places.filter(isGone), places.filter((place) => !isGone(place))];
    const input = renderList(gone.map(({ path }) => path));
    if (gone.length > 0) await mustRun(tree.git, ["update-index", "-z", "--force-remove", "--stdin"], { input });
    const readable = await mapSome(there, (place) => isReadable(tree.top, place));
    const unread = there.filter((_, at) => !readable[at]).map(({ path }) => ({ path, why: UNREADABLE }));
    return [...unread, ...(await stage(there.filter((_, at) => readable[at])))];
  };
};
