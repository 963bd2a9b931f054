import type { Octokit } from "@octokit/rest";
import * as z from "zod";
import { judgeForgeFailure, type ForgeFailure } from "#supervisor/forge/forge-failure.ts";
import {
  cloneUrl,
  type Fork,
  type Forge,
  type ForgeAnswer,
  type PullRequest,
  type PullRequestDraft,
} from "#supervisor/forge/forge.ts";
import {
  createClient,
  failedRequest,
  SentElsewhere,
  type OctokitForgeOptions,
} from "#supervisor/forge/octokit-client.ts";
import { createForks } from "#supervisor/forge/octokit-fork.ts";

// Both flavours answer with more; a merged pull request is `closed` with `merged` (Gitea) or `merged_at` (both).
const pullSchema = z.object({
  // Both go into a frame, which has its bounds: one that it cannot take would stop the publisher for everybody.
  html_url: z.url({ protocol: /^https?$/ }).max(2048),
  number: z.int32().min(0),
  title: z.string(),
  state: z.string(),
  merged_at: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  head: z.object({ ref: z.string(), sha: z.string(), repo: z.object({ full_name: z.string() }).nullish() }),
});

type Pull = z.output<typeof pullSchema>;

const commitId = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

const stateOf = ({ state, merged_at }: Pull): PullRequest["state"] => {
  if (state === "open") return "open";
  return merged_at ? "merged" : "closed";
};

const toPullRequest = (pull: Pull): PullRequest => {
  const state = stateOf(pull);
  const { merge_commit_sha: sha } = pull;
  // GitHub tells of a merge that it has only tried, too.
  const isTold = state === "merged" && sha !== null && sha !== undefined && commitId.test(sha);
  const { html_url: url, number, title, head } = pull;
  return { url, number, title, state, head: head.sha, ...(isTold ? { mergeCommit: sha } : {}) };
};

/** The clone URL of a repository that has moved, from where its API sends us: by name (Gitea) or by number (GitHub). */
const addressBehind = async (
  octokit: Octokit,
  { flavour, repository }: OctokitForgeOptions,
  location: string,
): Promise<string | undefined> => {
  const target = new URL(location, flavour.apiUrl);
  if (target.origin !== new URL(flavour.apiUrl).origin) return undefined;
  const [, owner, name] = /\/repos\/([^/]+)\/([^/]+)/.exec(target.pathname) ?? [];
  if (owner !== undefined && name !== undefined)
    return cloneUrl(repository.forge, decodeURIComponent(owner), decodeURIComponent(name));
  const [, id] = /\/repositories\/([0-9]+)/.exec(target.pathname) ?? [];
  if (id === undefined) return undefined;
  const { data } = await octokit.request("GET /repositories/{id}", { id });
  return z.object({ clone_url: z.url() }).parse(data).clone_url;
};

/** Where a branch is. */
type Place = Pick<Fork, "owner" | "name">;

// Where the head's repository is gone, it was a fork, and somebody's: nobody deletes the repository and keeps its pull requests.
const isOurs = ({ head }: Pull, { owner, name }: Place, branch: string): boolean =>
  head.ref === branch && head.repo?.full_name.toLowerCase() === `${owner}/${name}`.toLowerCase();

// Who may change the repository must not change the fork: GitHub's word for it, and Gitea's.
const keepOut = { maintainer_can_modify: false, allow_maintainer_edit: false };

const headOf = ({ branch, fork }: PullRequestDraft): { readonly head: string } =>
  fork === undefined ? { head: branch } : { head: `${fork.owner}:${branch}`, ...keepOut };

const pageSize = 50;
const maxPages = 10;

/** Makes a request's answer, or its failure, an answer of the forge; `what` says what was asked for. */
type Asker = <T>(what: string, ask: () => Promise<T>) => Promise<ForgeAnswer<T>>;

const createAsker = (octokit: Octokit, options: OctokitForgeOptions): Asker => {
  const { flavour, repository, clock } = options;
  const where = `${flavour.kind} ${repository.owner}/${repository.name}`;
  const moved = async ({ location }: SentElsewhere, what: string): Promise<ForgeFailure> => {
    const address = await addressBehind(octokit, options, location).catch(() => undefined);
    const message = `${what}: the repository has moved to ${address ?? location}; name that address in workspace.repo`;
    return { kind: "refused", reason: "Redirected", message };
  };
  return async (what, ask) => {
    try {
      return { kind: "ok", value: await ask() };
    } catch (error) {
      if (error instanceof SentElsewhere) return moved(error, `${where}: ${what}`);
      return judgeForgeFailure(failedRequest(error), `${where}: ${what}`, clock.now());
    }
  };
};

/** Creates the adapter for one repository on GitHub or Gitea. */
export const createOctokitForge = (options: OctokitForgeOptions): Forge => {
  const { flavour, repository } = options;
  const { owner, name: repo } = repository;
  const octokit = createClient(options);
  const asked = createAsker(octokit, options);
  const askedForFork = async <T>(what: string, ask: () => Promise<ForgeAnswer<T>>): Promise<ForgeAnswer<T>> => {
    const answer = await asked(what, ask);
    return answer.kind === "ok" ? answer.value : answer;
  };
  const forks = createForks(octokit, repository);
  const listPage = async ({ owner: headOwner }: Place, branch: string, page: number): Promise<readonly Pull[]> => {
    const sort = flavour.kind === "GitHub" ? { sort: "updated" as const, direction: "desc" as const } : {};
    const query = {
      owner,
      repo,
      state: "all" as const,
      head: `${headOwner}:${branch}`,
      per_page: pageSize,
      page,
      ...sort,
    };
    // Gitea names the page size otherwise, sorts by another word and does not filter by head.
    const more = flavour.kind === "Gitea" ? { limit: pageSize, sort: "recentupdate" as "updated" } : {};
    const { data } = await octokit.pulls.list({ ...query, ...more });
    return z.array(pullSchema).parse(data);
  };
  const find = async (place: Place, branch: string, head: string): Promise<PullRequest | undefined> => {
    let exact: Pull | undefined;
    for (let page = 1; page <= maxPages; page += 1) {
      const pulls = await listPage(place, branch, page);
      const ours = pulls.filter((pull) => isOurs(pull, place, branch));
      const open = ours.find((pull) => pull.state === "open");
      if (open !== undefined) return toPullRequest(open);
      exact ??= ours.find((pull) => pull.head.sha === head);
      if (pulls.length < pageSize) break;
    }
    return exact && toPullRequest(exact);
  };
  const fields = ({ title, body, base }: PullRequestDraft) => ({ owner, repo, title, body, base });
  return {
    findFork: () => askedForFork("find a fork", forks.findFork),
    makeFork: () => askedForFork("make a fork", forks.makeFork),
    findPullRequest: (branch, head, fork) => asked("list pull requests", () => find(fork ?? repository, branch, head)),
    openPullRequest: (draft) =>
      asked("open a pull request", async () => {
        const { data } = await octokit.pulls.create({ ...fields(draft), ...headOf(draft) });
        return toPullRequest(pullSchema.parse(data));
      }),
    readPullRequest: (number) =>
      asked(`read pull request ${number}`, async () => {
        const { data } = await octokit.pulls.get({ owner, repo, pull_number: number });
        return toPullRequest(pullSchema.parse(data));
      }),
    describePullRequest: (number, draft) =>
      asked("describe a pull request", async () => {
        const { data } = await octokit.pulls.update({ ...fields(draft), pull_number: number });
        return toPullRequest(pullSchema.parse(data));
      }),
  };
};
