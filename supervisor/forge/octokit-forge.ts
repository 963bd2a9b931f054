import { Octokit } from "@octokit/rest";
import * as z from "zod";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Flavour } from "#supervisor/forge/open-forge.ts";
import { judgeForgeFailure, type FailedRequest, type ForgeFailure } from "#supervisor/forge/forge-failure.ts";
import {
  cloneUrl,
  type Forge,
  type ForgeAnswer,
  type PullRequest,
  type PullRequestDraft,
  type RepositoryName,
} from "#supervisor/forge/forge.ts";
import type { ForgeFetch } from "#supervisor/forge/forge-fetch.ts";

/** What a forge adapter is made of. */
type OctokitForgeOptions = {
  readonly flavour: Flavour;
  readonly repository: RepositoryName;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly fetch: ForgeFetch;
  readonly clock: Pick<Clock, "now">;
};

// Both flavours answer with more; a merged pull request is `closed` with `merged` (Gitea) or `merged_at` (both).
const pullSchema = z.object({
  // Both go into a frame, which has its bounds: one that it cannot take would stop the publisher for everybody.
  html_url: z.url({ protocol: /^https?$/ }).max(2048),
  number: z.int32().min(0),
  title: z.string(),
  state: z.string(),
  merged_at: z.string().nullish(),
  head: z.object({ ref: z.string(), sha: z.string(), repo: z.object({ full_name: z.string() }).nullish() }),
});

type Pull = z.output<typeof pullSchema>;

const toPullRequest = (pull: Pull): PullRequest => ({
  url: pull.html_url,
  number: pull.number,
  title: pull.title,
  state: pull.state === "open" ? "open" : pull.merged_at ? "merged" : "closed",
  head: pull.head.sha,
});

/** The API sent us elsewhere, with our credential: that is not followed. */
class SentElsewhere extends Error {
  override readonly name = "SentElsewhere";
  readonly location: string;

  constructor(location: string) {
    super(`the API redirects to ${location}`);
    this.location = location;
  }
}

type RequestError = {
  readonly status?: number;
  readonly message?: string;
  readonly response?: { readonly headers: FailedRequest["headers"]; readonly data: { readonly errors?: unknown } | "" };
};

const failedRequest = (error: unknown): FailedRequest => {
  const { status = 500, message = "", response } = (error ?? {}) as RequestError;
  // What is wrong with a pull request stands beside the message.
  const details = response?.data === "" ? undefined : response?.data.errors;
  const text = details === undefined ? message : `${message} ${JSON.stringify(details)}`;
  return { status, message: text, headers: response?.headers ?? {} };
};

const createClient = ({ flavour, credentials, fetch }: OctokitForgeOptions): Octokit => {
  const octokit = new Octokit({
    baseUrl: flavour.apiUrl,
    userAgent: "enchanted-swarm",
    request: { fetch },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  });
  octokit.hook.before("request", (request) => {
    request.headers.authorization = flavour.authorization(credentials);
  });
  octokit.hook.after("request", ({ status, headers }) => {
    if (status >= 300) throw new SentElsewhere(headers.location ?? "");
  });
  return octokit;
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

const pageSize = 50;
const maxPages = 10;

/** Creates the adapter for one repository on GitHub or Gitea. */
export const createOctokitForge = (options: OctokitForgeOptions): Forge => {
  const { flavour, repository, clock } = options;
  const octokit = createClient(options);
  const { owner, name: repo } = repository;
  const where = `${flavour.kind} ${owner}/${repo}`;
  const moved = async ({ location }: SentElsewhere, what: string): Promise<ForgeFailure> => {
    const address = await addressBehind(octokit, options, location).catch(() => undefined);
    const message = `${what}: the repository has moved to ${address ?? location}; name that address in workspace.repo`;
    return { kind: "refused", reason: "Redirected", message };
  };
  const asked = async <T>(what: string, ask: () => Promise<T>): Promise<ForgeAnswer<T>> => {
    try {
      return { kind: "ok", value: await ask() };
    } catch (error) {
      if (error instanceof SentElsewhere) return moved(error, `${where}: ${what}`);
      return judgeForgeFailure(failedRequest(error), `${where}: ${what}`, clock.now());
    }
  };
  const listPage = async (branch: string, page: number): Promise<readonly Pull[]> => {
    const sort = flavour.kind === "GitHub" ? { sort: "updated" as const, direction: "desc" as const } : {};
    const query = { owner, repo, state: "all" as const, head: `${owner}:${branch}`, per_page: pageSize, page, ...sort };
    // Gitea names the page size otherwise, sorts by another word and does not filter by head.
    const more = flavour.kind === "Gitea" ? { limit: pageSize, sort: "recentupdate" as "updated" } : {};
    const { data } = await octokit.pulls.list({ ...query, ...more });
    return z.array(pullSchema).parse(data);
  };
  const isOurs = (pull: Pull, branch: string): boolean =>
    pull.head.ref === branch &&
    (!pull.head.repo || pull.head.repo.full_name.toLowerCase() === `${owner}/${repo}`.toLowerCase());
  const find = async (branch: string, head: string): Promise<PullRequest | undefined> => {
    let exact: Pull | undefined;
    for (let page = 1; page <= maxPages; page += 1) {
      const pulls = await listPage(branch, page);
      const ours = pulls.filter((pull) => isOurs(pull, branch));
      const open = ours.find((pull) => pull.state === "open");
      if (open !== undefined) return toPullRequest(open);
      exact ??= ours.find((pull) => pull.head.sha === head);
      if (pulls.length < pageSize) break;
    }
    return exact && toPullRequest(exact);
  };
  const fields = ({ title, body, base }: PullRequestDraft) => ({ owner, repo, title, body, base });
  return {
    findPullRequest: (branch, head) => asked("list pull requests", () => find(branch, head)),
    openPullRequest: (draft) =>
      asked("open a pull request", async () => {
        const { data } = await octokit.pulls.create({ ...fields(draft), head: draft.branch });
        return toPullRequest(pullSchema.parse(data));
      }),
    describePullRequest: (number, draft) =>
      asked("describe a pull request", async () => {
        const { data } = await octokit.pulls.update({ ...fields(draft), pull_number: number });
        return toPullRequest(pullSchema.parse(data));
      }),
  };
};
