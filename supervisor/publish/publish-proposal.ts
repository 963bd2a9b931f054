import { defaultPolicy, type ChangePolicy } from "#nervous-system/git/change-policy.ts";
import type { Git } from "#nervous-system/git/git.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Fork, Forge, PullRequest, PullRequestDraft } from "#supervisor/forge/forge.ts";
import type { Admitted } from "#supervisor/publish/admit-proposal.ts";
import { chooseFork, judgeForkUse } from "#supervisor/publish/choose-fork.ts";
import { branchOf, renderPullRequest, writeCommit } from "#supervisor/publish/write-commit.ts";
import { inspectBundle, takeBundle } from "#supervisor/publish/inspect-bundle.ts";
import { asStep, done, retry, type Proposal, type Step } from "#supervisor/publish/proposal.ts";
import { fetchServerBranch, pushBranch } from "#supervisor/publish/push-branch.ts";
import { rebuildTree } from "#supervisor/publish/rebuild-tree.ts";
import { judgeBundleFailure, type ScratchRepository } from "#supervisor/publish/scratch-repository.ts";
import { waitForHead } from "#supervisor/publish/wait-for-head.ts";

/** What a proposal became on the forge. */
export type Published = {
  readonly pullRequest: PullRequest;
  readonly branch: string;
  /** Clone URL of the fork that the branch is in, if it is in one. */
  readonly fork?: string | undefined;
  readonly commit: string;
};

/** What one publication is carried out with. */
type PublicationTools = {
  readonly scratch: ScratchRepository;
  readonly clock: Pick<Clock, "sleep">;
  /** Ends the publication where it waits. */
  readonly signal?: AbortSignal | undefined;
  /** Reads the bundle by its digest; the bytes are known to have it. */
  readBundle(proposal: Proposal): Promise<Step<Buffer>>;
  /** Judges the proposal again, by what holds now. */
  stillAdmitted(): Promise<Step<Admitted>>;
  /** The forge of the mission's repository, with the mission's credential. */
  openForge(admitted: Admitted): Promise<Step<Forge>>;
};

const ensurePullRequest = async (forge: Forge, draft: PullRequestDraft, head: string): Promise<Step<PullRequest>> => {
  const found = asStep(await forge.findPullRequest(draft.branch, head, draft.fork));
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

/** A commit that is ready, and what it is pushed with. */
type Delivery = { readonly proposal: Proposal; readonly commit: string; readonly server: Git };

/** Where the push goes, by what holds right before it: a fork, or nothing for the repository itself. */
const choosePlace = async (
  tools: PublicationTools,
  forge: Forge,
  admitted: Admitted,
): Promise<Step<Fork | undefined>> => {
  const chosen = await chooseFork(forge, admitted);
  if (chosen.kind !== "ok") return chosen;
  // A bundle of 64 MiB takes its time, in which the mission may have ended or the Secret been withdrawn.
  const admittedStill = await tools.stillAdmitted();
  if (admittedStill.kind !== "ok") return admittedStill;
  const refused = chosen.value && judgeForkUse(admittedStill.value, chosen.value);
  return refused ?? chosen;
};

/** Pushes to the repository, or to a fork, which a forge may have made a moment ago: its objects follow. */
const pushTo = async (repo: string, fork: Fork | undefined, delivery: Delivery): Promise<Step<void>> => {
  const { server, proposal, commit } = delivery;
  const pushed = await pushBranch(server, fork?.url ?? repo, { branch: branchOf(proposal), commit, proposal });
  const isComing = fork !== undefined && pushed.kind === "refused" && pushed.reason === "RepositoryNotFound";
  return isComing ? retry(`the fork ${fork.url} is not there yet: ${pushed.message}`) : pushed;
};

/** Brings a commit to the forge, where the mission wants it, if it may still be published. */
const deliver = async (tools: PublicationTools, admitted: Admitted, delivery: Delivery): Promise<Step<Published>> => {
  const { proposal, commit, server } = delivery;
  const repo = admitted.repo.href;
  const forge = await tools.openForge(admitted);
  if (forge.kind !== "ok") return forge;
  const place = await choosePlace(tools, forge.value, admitted);
  if (place.kind !== "ok") return place;
  const fork = place.value;
  const pushed = await pushTo(repo, fork, delivery);
  if (pushed.kind !== "ok") return pushed;
  const branch = branchOf(proposal);
  const draft = { branch, fork, base: admitted.ref, ...renderPullRequest(proposal) };
  const opened = await ensurePullRequest(forge.value, draft, commit);
  if (opened.kind !== "ok") return opened;
  const published = { pullRequest: opened.value, branch, commit };
  if (fork === undefined) return done(published);
  const shown = await waitForHead(server, { repo, commit, number: opened.value.number }, tools);
  return shown.kind === "ok" ? done({ ...published, fork: fork.url }) : shown;
};

/** Publishes an admitted proposal; doing it again does nothing that is done already. */
export const publishProposal = async (
  tools: PublicationTools,
  proposal: Proposal,
  admitted: Admitted,
): Promise<Step<Published>> => {
  const server = tools.scratch.withCredentials({ origin: admitted.repo.origin, ...admitted.credentials });
  // The bundle first: one that is none costs no clone.
  const taken = await fetchBundle(tools, proposal);
  if (taken.kind !== "ok") return taken;
  const fetched = await fetchServerBranch(server, admitted.repo.href, admitted.ref);
  if (fetched.kind !== "ok") return fetched;
  const commit = await prepareCommit(tools, proposal, admitted.mission.spec.workspace.policy ?? defaultPolicy);
  return commit.kind === "ok" ? deliver(tools, admitted, { proposal, commit: commit.value, server }) : commit;
};
