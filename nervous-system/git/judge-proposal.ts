import { setImmediate } from "node:timers/promises";
import { judgePolicy, type ChangePolicy } from "#nervous-system/git/change-policy.ts";
import type { Git } from "#nervous-system/git/git.ts";
import { judgeChange, type JudgedChange } from "#nervous-system/git/judge-change.ts";
import { GitFailed, mustRun } from "#nervous-system/git/must-run.ts";
import { refuseChange, shown, type RefusedChange } from "#nervous-system/git/path-policy.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";

/** What a proposal is judged by beside what holds for every change. */
export type ProposalRules = {
  readonly policy: ChangePolicy;
  /** The kind of secret that a text holds, if any. */
  secretIn(text: string): string | undefined;
};

type SecretIn = ProposalRules["secretIn"];

const MiB = 1024 ** 2;

/** Of a larger file all lines count as added: to compare it takes more memory than Git is given. */
const maxComparedBytes = 4 * MiB;
const maxBlobBytes = 65 * MiB;
/** Of the diff of all files. */
const maxTogetherBytes = 8 * MiB;

/** Looked at in one go; what is searched for is shorter than what two of them share. */
const sliceCharacters = 65_536;
const sharedCharacters = 512;

const none = "000000";

const addedLines = (diff: string): string => {
  const hunks = diff.indexOf("\n@@ ");
  return diff
    .slice(Math.max(hunks, 0))
    .split("\n")
    .filter((line) => line.startsWith("+"))
    .map((line) => line.slice(1))
    .join("\n");
};

/** What a change adds to one file; a character a byte, since a secret is plain text in whatever else. */
const readAdded = async (git: Git, change: RawChange, sizeOf: (id: string) => number): Promise<string> => {
  const { oldMode, oldId, newId } = change;
  const isCompared = oldMode !== none && sizeOf(oldId) <= maxComparedBytes && sizeOf(newId) <= maxComparedBytes;
  const command = isCompared
    ? ["diff", "--text", "--unified=0", "--no-color", oldId, newId]
    : ["cat-file", "blob", newId];
  const output = (await mustRun(git, command, { maxOutputBytes: maxBlobBytes })).toString("latin1");
  return isCompared ? addedLines(output) : output;
};

const readSizes = async (git: Git, changes: readonly RawChange[]): Promise<ReadonlyMap<string, number>> => {
  const ids = [
    ...new Set(changes.flatMap(({ oldMode, oldId, newId }) => (oldMode === none ? [newId] : [oldId, newId]))),
  ];
  const input = `${ids.join("\n")}\n`;
  const lines = (await mustRun(git, ["cat-file", "--batch-check=%(objectsize)"], { input })).toString().split("\n");
  return new Map(ids.map((id, place) => [id, Number(lines[place])]));
};

/** The kind of secret that a text holds; a long one is read piece by piece, and others have their turn in between. */
const findSecret = async (text: string, secretIn: SecretIn): Promise<string | undefined> => {
  for (let at = 0; at < text.length; at += sliceCharacters) {
    const kind = secretIn(text.slice(at, at + sliceCharacters + sharedCharacters));
    if (kind !== undefined) return kind;
    await setImmediate();
  }
  return undefined;
};

type Trees = { readonly base: string; readonly head: string };

/** What a change adds to each of its files, by one call; undefined where that is too much for one. */
const readTogether = async (
  git: Git,
  { base, head }: Trees,
  changes: readonly RawChange[],
): Promise<readonly string[] | undefined> => {
  const command = ["diff-tree", "-r", "-p", "--text", "--unified=0", "--no-renames", "--no-color", base, head];
  const diff = await git.run(command, { maxOutputBytes: maxTogetherBytes });
  if (diff.kind === "failed") return undefined;
  // No line of a file's own begins so: each has a sign in front.
  const files = diff.stdout.toString("latin1").split(/(?<=\n)(?=diff --git )/);
  return files.length === changes.length ? files.map(addedLines) : undefined;
};

async function* readEach(git: Git, trees: Trees, changes: readonly RawChange[]): AsyncGenerator<[string, string]> {
  const together = await readTogether(git, trees, changes);
  if (together !== undefined) {
    for (const [place, { path }] of changes.entries()) yield [path, together[place] ?? ""];
    return;
  }
  const written = changes.filter(({ newMode, oldId, newId }) => newMode !== none && newId !== oldId);
  const sizes = await readSizes(git, written);
  for (const change of written) yield [change.path, await readAdded(git, change, (id) => sizes.get(id) ?? Infinity)];
}

const judgeSecrets = async (
  git: Git,
  trees: Trees,
  changes: readonly RawChange[],
  secretIn: SecretIn,
): Promise<RefusedChange | undefined> => {
  for await (const [path, added] of readEach(git, trees, changes)) {
    const kind = await findSecret(added, secretIn);
    if (kind !== undefined)
      return refuseChange(
        "SecretFound",
        `${shown(path)} adds what reads as a secret (${kind}); workspace.policy.rejectSecrets forbids it`,
      );
  }
  return undefined;
};

/**
 * Judges what changed between two commits or trees by what holds for every change, then by the policy of the mission. The agent
 * asks the same of its own work, so that it hears in time what would be refused.
 */
export const judgeProposal = async (
  git: Git,
  trees: Trees,
  { policy, secretIn }: ProposalRules,
): Promise<JudgedChange> => {
  const judged = await judgeChange(git, trees.base, trees.head);
  if (judged.kind !== "ok") return judged;
  const against = judgePolicy(policy, judged.value);
  if (against !== undefined || !policy.rejectSecrets) return against ?? judged;
  try {
    return (await judgeSecrets(git, trees, judged.value, secretIn)) ?? judged;
  } catch (error) {
    if (error instanceof GitFailed) return error.result;
    throw error;
  }
};
