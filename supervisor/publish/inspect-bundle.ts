import type { Git } from "#nervous-system/git/git.ts";
import { parseBundleHeader } from "#supervisor/publish/bundle.ts";
import { done, refuse, type Proposal, type Step } from "#supervisor/publish/proposal.ts";
import type { ChangePolicy } from "#nervous-system/git/change-policy.ts";
import { judgeProposal } from "#nervous-system/git/judge-proposal.ts";
import { knownSecretIn } from "#nervous-system/recorder/redact.ts";
import type { RawChange } from "#nervous-system/git/raw-diff.ts";
import { judgeBundleFailure, type ScratchRepository } from "#supervisor/publish/scratch-repository.ts";

/** The ref that the server's branch is kept under. */
export const serverRef = "refs/server/branch";

/** Whether a commit descends from another; where Git could not find out, what that means. */
const isAncestor = async (git: Git, ancestor: string, descendant: string): Promise<Step<boolean>> => {
  const asked = await git.run(["merge-base", "--is-ancestor", ancestor, descendant]);
  if (asked.kind === "ok") return done(true);
  // 128 where a commit is not there at all; without a code it was ended.
  const isAnswer = asked.code === 1 || (asked.code === 128 && asked.reason !== "LimitExceeded");
  return isAnswer ? done(false) : judgeBundleFailure(asked);
};

/** Judges of a bundle what costs nothing, before anything is fetched for it, and keeps its pack. */
export const takeBundle = async (
  scratch: Pick<ScratchRepository, "writePack">,
  bytes: Buffer,
  proposal: Pick<Proposal, "head">,
): Promise<Step<void>> => {
  const header = parseBundleHeader(bytes);
  if (header.kind === "refused") return header;
  if (header.value.head !== proposal.head)
    return refuse("InvalidBundle", `the bundle's head is ${header.value.head}, the proposal's ${proposal.head}`);
  await scratch.writePack(bytes.subarray(header.value.packAt));
  return done(undefined);
};

// A tree of the agent's names the repository's own `.gitmodules` and `.gitattributes`, which Git then looks into and finds at fault by
// rules that are younger than many a repository. No change of theirs is ever published.
const ofGitsOwnFiles = [
  ...["Blob", "Large", "Name", "Parse", "Path", "Update", "Url"].map((what) => `gitmodules${what}`),
  ...["Blob", "Large", "LineLength"].map((what) => `gitattributes${what}`),
];
const strict = `--strict=${ofGitsOwnFiles.map((what) => `${what}=ignore`).join(",")}`;

// Of a bundle that it fetches from, this Git checks nothing. `--strict` checks each object as a careful server does, and that
// whatever one names is there; what the pack is thin of is the server's.
const importPack = async (scratch: ScratchRepository): Promise<Step<void>> => {
  const input = await scratch.readPack();
  const indexed = await scratch.inspect.run(["index-pack", strict, "--fix-thin", "--stdin"], { input });
  return indexed.kind === "failed" ? judgeBundleFailure(indexed) : done(undefined);
};

const judgeBase = async (git: Git, { base, head, branch }: Proposal): Promise<Step<void>> => {
  const onServer = await isAncestor(git, base, serverRef);
  if (onServer.kind !== "ok") return onServer;
  if (!onServer.value) return refuse("BaseNotFound", `the base ${base} is not part of "${branch}" on the server`);
  const below = await isAncestor(git, base, head);
  if (below.kind !== "ok") return below;
  return below.value
    ? done(undefined)
    : refuse("BaseNotFound", `the proposed commit ${head} does not start from the base ${base}`);
};

/** Brings the pack that was taken into the scratch repository and judges all of it; answers the changes of a proposal that may be published. */
export const inspectBundle = async (
  scratch: ScratchRepository,
  proposal: Proposal,
  policy: ChangePolicy,
): Promise<Step<readonly RawChange[]>> => {
  const git = scratch.inspect;
  const imported = await importPack(scratch);
  if (imported.kind !== "ok") return imported;
  const based = await judgeBase(git, proposal);
  if (based.kind !== "ok") return based;
  const judged = await judgeProposal(git, proposal, { policy, secretIn: knownSecretIn });
  return judged.kind === "failed" ? judgeBundleFailure(judged) : judged;
};
