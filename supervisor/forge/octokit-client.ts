import { Octokit } from "@octokit/rest";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { FailedRequest } from "#supervisor/forge/forge-failure.ts";
import type { ForgeFetch } from "#supervisor/forge/forge-fetch.ts";
import type { RepositoryName } from "#supervisor/forge/forge.ts";
import type { Flavour } from "#supervisor/forge/open-forge.ts";

/** What a forge adapter is made of. */
export type OctokitForgeOptions = {
  readonly flavour: Flavour;
  readonly repository: RepositoryName;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly fetch: ForgeFetch;
  readonly clock: Pick<Clock, "now">;
};

/** The API sent us elsewhere, with our credential: that is not followed. */
export class SentElsewhere extends Error {
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

/** What is known of a failed request, whatever was thrown. */
export const failedRequest = (error: unknown): FailedRequest => {
  const { status = 500, message = "", response } = (error ?? {}) as RequestError;
  // What is wrong with a pull request stands beside the message.
  const details = response?.data === "" ? undefined : response?.data.errors;
  const text = details === undefined ? message : `${message} ${JSON.stringify(details)}`;
  return { status, message: text, headers: response?.headers ?? {} };
};

/** Creates a client of the forge's API, with the credential, that follows no redirect. */
export const createClient = ({ flavour, credentials, fetch }: OctokitForgeOptions): Octokit => {
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
