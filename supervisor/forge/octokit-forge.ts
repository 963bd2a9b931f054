import { Octokit } from "@octokit/rest";
import * as z from "zod";
import type { Flavour } from "#supervisor/forge/open-forge.ts";
import type { Forge, ForgeAnswer, PullRequest, PullRequestDraft, RepositoryName } from "#supervisor/forge/forge.ts";
import type { ForgeFetch } from "#supervisor/forge/forge-fetch.ts";

/** What a forge adapter is made of. */
type OctokitForgeOptions = {
  readonly flavour: Flavour;
  readonly repository: RepositoryName;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly fetch: ForgeFetch;
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

type RequestFailure = { readonly status?: number; readonly message?: string };

type Failed = Exclude<ForgeAnswer<never>, { kind: "ok" }>;

const comesBack = (status: number, message: string): boolean =>
  status >= 500 || status === 429 || status === 408 || (status === 403 && /rate limit/i.test(message));

/** What a failed request means: the forge is away or busy, or it says no. */
const classifyForgeFailure = (error: unknown, what: string): Failed => {
  const { status = 500, message = "" } = (error ?? {}) as RequestFailure;
  const text = `${what}: ${status}: ${message.replaceAll(/\s+/g, " ").slice(0, 500)}`;
  if (comesBack(status, message)) return { kind: "retry", message: text };
  if (status === 401 || status === 403)
    return { kind: "refused", reason: "AuthenticationFailed", message: `${text}: check what the credential may do` };
  if (status === 404)
    return { kind: "refused", reason: "RepositoryNotFound", message: `${text}: check the repository's address` };
  return { kind: "refused", reason: "ForgeRefused", message: text };
};

const pageSize = 50;
const maxPages = 10;

/** Creates the adapter for one repository on GitHub or Gitea. */
export const createOctokitForge = ({ flavour, repository, credentials, fetch }: OctokitForgeOptions): Forge => {
  const octokit = new Octokit({
    baseUrl: flavour.apiUrl,
    userAgent: "enchanted-swarm",
    request: { fetch },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  });
  octokit.hook.before("request", (request) => {
    request.headers.authorization = flavour.authorization(credentials);
  });
  const { owner, name: repo } = repository;
  const where = `${flavour.kind} ${owner}/${repo}`;
  const asked = async <T>(what: string, ask: () => Promise<T>): Promise<ForgeAnswer<T>> => {
    try {
      return { kind: "ok", value: await ask() };
    } catch (error) {
      return classifyForgeFailure(error, `${where}: ${what}`);
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
