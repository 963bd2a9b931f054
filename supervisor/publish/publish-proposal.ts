import { defaultPolicy, type ChangePolicy } from "#nervous-system/git/change-policy.ts";
import type { Forge, ForgeAnswer, PullRequest, PullRequestDraft } from "#supervisor/forge/forge.ts";
import type { Admitted } from "#supervisor/publish/admit-proposal.ts";
import { branchOf, renderPullRequest, writeCommit } from "#supervisor/publish/write-commit.ts";
import { inspectBundle, takeBundle } from "#supervisor/publish/inspect-bundle.ts";
import { done, refuse, type Proposal, type Step } from "#supervisor/publish/proposal.ts";
import { fetchServerBranch, pushBranch } from "#supervisor/publish/push-branch.ts";
import { rebuildTree } from "#supervisor/publish/rebuild-tree.ts";
import { judgeBundleFailure, type ScratchRepository } from "#supervisor/publish/scratch-repository.ts";

/** What a proposal became on the forge. */
export type Published = {
  readonly pullRequest: PullRequest;
  readonly branch: string;
  readonly commit: string;
};

/** What one publication is carried out with. */
type PublicationTools = {
  readonly scratch: ScratchRepository;
  /** Reads the bundle by its digest; the bytes are known to have it. */
  readBundle(proposal: Proposal): Promise<Step<Buffer>>;
  /** Judges the proposal again, by what holds now. */
  stillAdmitted(): Promise<Step<Admitted>>;
  /** The forge of the mission's repository, with the mission's credential. */
  openForge(admitted: Admitted): Promise<Step<Forge>>;
};

/** A forge's answer as a step of a publication. */
export const asStep = <T>(answer: ForgeAnswer<T>): Step<T> => {
  if (answer.kind === "ok") return done(answer.value);
  return answer.kind === "retry" ? answer : refuse(answer.reason, answer.message);
};

const ensurePullRequest = async (forge: Forge, draft: PullRequestDraft, head: string): Promise<Step<PullRequest>> => {
  const found = asStep(await forge.findPullRequest(draft.branch, head));
  if (found.kind !== "ok") return found;
  // Whoever merged or closed this very commit has decided; the same change is not proposed again.
  if (found.value !== undefined && found.value.state !== "open") return done(found.value);
  if (found.value === undefined) return asStep(await forge.openPullRequest(draft));
  // The push has moved its head already; its words may still be those of the proposal before.
  if (found.value.head === head && found.value.title === draft.title) return done(found.value);
  return asStep(await forge.describePullRequest(found.value.number, draft));
};

const fetchBundle = async (tools: PublicationTools, proposal: Proposal): Promise<Step<void>> => {
  const bundle = await tools.readBundle(proposal);
  return bundle.kind === "ok" ? takeBundle(tools.scratch, bundle.value, proposal) : bundle;
};

/** The commit that the judged changes become: everything that touches what the agent made, none of it with a credential. */
const prepareCommit = async (
  tools: PublicationTools,
  proposal: Proposal,
  policy: ChangePolicy,
): Promise<Step<string>> => {
  const inspected = await inspectBundle(tools.scratch, proposal, policy);
  if (inspected.kind !== "ok") return inspected;
  const git = tools.scratch.inspect;
  const tree = await rebuildTree(git, proposal.base, inspected.value);
  if (tree.kind === "failed") return judgeBundleFailure(tree);
  const written = await writeCommit(git, tree.value, proposal);
  return written.kind === "ok" ? done(written.value.commit) : written;
};

/** Publishes an admitted proposal; doing it again does nothing that is done already. */
export const publishProposal = async (
  tools: PublicationTools,
  proposal: Proposal,
  admitted: Admitted,
): Promise<Step<Published>> => {
  const repo = admitted.repo.href;
  const server = tools.scratch.withCredentials({ origin: admitted.repo.origin, ...admitted.credentials });
  // The bundle first: one that is none costs no clone.
  const taken = await fetchBundle(tools, proposal);
  if (taken.kind !== "ok") return taken;
  const fetched = await fetchServerBranch(server, repo, admitted.ref);
  if (fetched.kind !== "ok") return fetched;
  const commit = await prepareCommit(tools, proposal, admitted.mission.spec.workspace.policy ?? defaultPolicy);
  if (commit.kind !== "ok") return commit;
  const forge = await tools.openForge(admitted);
  if (forge.kind !== "ok") return forge;
  const branch = branchOf(proposal);
  // A bundle of 64 MiB takes its time, in which the mission may have ended or the Secret been withdrawn.
  const admittedStill = await tools.stillAdmitted();
  if (admittedStill.kind !== "ok") return admittedStill;
  const pushed = await pushBranch(server, repo, { branch, commit: commit.value, proposal });
  if (pushed.kind !== "ok") return pushed;
  const draft = { branch, base: admitted.ref, ...renderPullRequest(proposal) };
  const opened = await ensurePullRequest(forge.value, draft, commit.value);
  return opened.kind === "ok" ? done({ pullRequest: opened.value, branch, commit: commit.value }) : opened;
};
