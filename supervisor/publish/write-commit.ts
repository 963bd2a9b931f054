import { neutralLine, quote } from "#supervisor/publish/agent-words.ts";
import type { Git } from "#nervous-system/git/git.ts";
import { done, type Proposal, type Step } from "#supervisor/publish/proposal.ts";
import { judgeBundleFailure } from "#supervisor/publish/scratch-repository.ts";

/** Where in the record a proposal stands: `agent/epoch/seq/hash`. */
const recordOf = (proposal: Pick<Proposal, "agentUid" | "epoch" | "seq" | "hash">): string =>
  `${proposal.agentUid}/${proposal.epoch}/${proposal.seq}/${proposal.hash}`;

/** The title of a proposal on one line, of at most `max` characters. */
const titleOf = ({ title, agentName }: Proposal, max: number): string =>
  neutralLine(title, max) || `Proposal of ${agentName}`;

const originOf = ({ agentName, namespace, mission, base }: Proposal): string =>
  `Proposed by Agent \`${agentName}\` of Mission \`${namespace}/${mission}\`, on commit ${base}.`;

const introduction = "What the agent says of it, quoted and checked by nobody:";

const quoted = ({ body }: Proposal, mark: string): readonly string[] => {
  const words = quote(body, mark);
  return words === "" ? [] : [introduction, words];
};

// With the UID: what a mission before this one published under its name is not ours to replace.
const missionLine = ({ namespace, mission, missionUid }: Proposal): string =>
  `Mission: ${namespace}/${mission}/${missionUid}`;

/** The message of the one commit: whose it is, the agent's words, then trailers that lead back to the record. */
export const renderCommitMessage = (proposal: Proposal): string => {
  const trailers = [missionLine(proposal), `Agent: ${proposal.agentName}`, `Record: ${recordOf(proposal)}`];
  const parts = [titleOf(proposal, 120), originOf(proposal), ...quoted(proposal, "> "), trailers.join("\n")];
  return `${parts.join("\n\n")}\n`;
};

/** Whose commit is on a branch: this agent's of this or of an earlier proposal, this agent's of a later one, or somebody else's. */
type Standing = "own" | "later" | "foreign";

const isLater = (record: string, { agentUid, epoch, seq }: Proposal): boolean => {
  const [uid, ...place] = record.split("/");
  const [itsEpoch = 0, itsSeq = 0] = place.slice(0, 2).map(Number);
  return uid === agentUid && (itsEpoch > epoch || (itsEpoch === epoch && itsSeq > seq));
};

/** Reads off a commit's message whether a proposal may take its place. The last lines are the publisher's, whatever stands above. */
export const judgeStanding = (message: string, proposal: Proposal): Standing => {
  const trailers = message.trimEnd().split("\n").slice(-3);
  const [mission, agent, record = ""] = trailers;
  const isOwn = mission === missionLine(proposal) && agent === `Agent: ${proposal.agentName}`;
  if (!isOwn || !record.startsWith("Record: ")) return "foreign";
  return isLater(record.slice("Record: ".length), proposal) ? "later" : "own";
};

/** Title and text of the pull request: ours first, so that nothing of the agent's can hide it. */
export const renderPullRequest = (proposal: Proposal): { readonly title: string; readonly body: string } => {
  const origin = `${originOf(proposal)}\nRecord: \`${recordOf(proposal)}\``;
  // Indented code has no end that a text could hold, as a fence of backticks has.
  const body = [origin, ...quoted(proposal, ">     ")].join("\n\n");
  return { title: titleOf(proposal, 200), body };
};

const shownOfUid = 8;

/** The branch of an agent's proposals: another one where a mission was made anew under its name. */
export const branchOf = ({ mission, missionUid, agentName }: Proposal): string =>
  `swarm/${mission}-${missionUid.slice(0, shownOfUid)}/${agentName}`;

/** The one commit that is pushed. */
type WrittenCommit = { readonly commit: string };

/**
 * Writes one new commit with a tree on the base, in the agent's name. Every part of it comes from the record, so the
 * same proposal makes the same commit however often it is tried: whether it was pushed is read off the branch.
 */
export const writeCommit = async (git: Git, tree: string, proposal: Proposal): Promise<Step<WrittenCommit>> => {
  const date = `${proposal.observedSeconds} +0000`;
  const written = await git.run(["commit-tree", tree, "-p", proposal.base], {
    input: renderCommitMessage(proposal),
    env: {
      GIT_AUTHOR_NAME: proposal.agentName,
      GIT_AUTHOR_EMAIL: `${proposal.agentName}@${proposal.namespace}.swarm.enchanted.dev`,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: "Enchanted Swarm",
      GIT_COMMITTER_EMAIL: "publisher@swarm.enchanted.dev",
      GIT_COMMITTER_DATE: date,
    },
  });
  if (written.kind === "failed") return judgeBundleFailure(written);
  return done({ commit: written.stdout.toString("utf8").trim() });
};
