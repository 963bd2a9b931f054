import { parseRepository, type Forge, type ForgeAnswer } from "#supervisor/forge/forge.ts";
import { createForgeFetch, type ForgeFetch, type ForgeFetchOptions } from "#supervisor/forge/forge-fetch.ts";
import { createOctokitForge } from "#supervisor/forge/octokit-forge.ts";

/** Which software a forge is, where its API is, and how a user name and password are sent to it. */
export type Flavour = {
  readonly kind: "GitHub" | "Gitea";
  readonly apiUrl: string;
  authorization(credentials: { readonly username: string; readonly password: string }): string;
};

const basic = ({ username, password }: { readonly username: string; readonly password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const gitHub = (apiUrl: string): Flavour => ({
  kind: "GitHub",
  apiUrl,
  authorization: ({ password }) => `Bearer ${password}`,
});

// Gitea takes an access token as password too, so one way serves both.
const gitea = (forge: URL): Flavour => ({ kind: "Gitea", apiUrl: new URL("api/v1", forge).href, authorization: basic });

const answersJson = async (fetch: ForgeFetch, url: URL): Promise<boolean> => {
  const answer = await fetch(url.href, { headers: { accept: "application/json", "user-agent": "enchanted-swarm" } });
  if (answer.status >= 500 || answer.status === 429) throw new Error(`${url.origin} answers with ${answer.status}`);
  return answer.ok && (answer.headers.get("content-type") ?? "").includes("json");
};

/** Finds out what a forge is: github.com by name, others by which version page they have. */
const detectFlavour = async (forge: URL, fetch: ForgeFetch): Promise<ForgeAnswer<Flavour>> => {
  if (forge.hostname === "github.com") return { kind: "ok", value: gitHub("https://api.github.com") };
  try {
    if (await answersJson(fetch, new URL("api/v1/version", forge))) return { kind: "ok", value: gitea(forge) };
    if (await answersJson(fetch, new URL("api/v3/meta", forge)))
      return { kind: "ok", value: gitHub(new URL("api/v3", forge).href) };
  } catch (error) {
    return { kind: "retry", message: `the forge ${forge.host} does not answer: ${(error as Error).message}` };
  }
  return {
    kind: "refused",
    reason: "ForgeRefused",
    message: `${forge.host} is neither GitHub nor Gitea: no pull request can be opened there`,
  };
};

/** Opens the forge that a repository is on. */
type OpenForge = (
  repo: URL,
  credentials: { readonly username: string; readonly password: string },
) => Promise<ForgeAnswer<Forge>>;

/** Creates the opener; what a forge is, is asked once. */
export const createOpenForge = (options: ForgeFetchOptions): OpenForge => {
  const fetch = createForgeFetch(options);
  const flavours = new Map<string, Flavour>();
  return async (repo, credentials) => {
    const repository = parseRepository(repo);
    if (repository === undefined)
      return { kind: "refused", reason: "RepositoryNotFound", message: `${repo.href} names no owner and repository` };
    const known = flavours.get(repository.forge.href);
    const detected =
      known === undefined ? await detectFlavour(repository.forge, fetch) : { kind: "ok" as const, value: known };
    if (detected.kind !== "ok") return detected;
    flavours.set(repository.forge.href, detected.value);
    return { kind: "ok", value: createOctokitForge({ flavour: detected.value, repository, credentials, fetch }) };
  };
};
