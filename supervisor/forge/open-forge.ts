import type { Clock } from "#nervous-system/kernel/clock.ts";
import { headersOf, judgeForgeFailure } from "#supervisor/forge/forge-failure.ts";
import { parseRepository, type Forge, type ForgeAnswer } from "#supervisor/forge/forge.ts";
import { createForgeFetch, type ForgeFetch, type ForgeFetchOptions } from "#supervisor/forge/forge-fetch.ts";
import { createOctokitForge } from "#supervisor/forge/octokit-forge.ts";

type Credentials = { readonly username: string; readonly password: string };

/** Which software a forge is, where its API is, and how a user name and password are sent to it. */
export type Flavour = {
  readonly kind: "GitHub" | "Gitea";
  readonly apiUrl: string;
  authorization(credentials: Credentials): string;
};

const basic = ({ username, password }: Credentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const gitHub = (apiUrl: string): Flavour => ({
  kind: "GitHub",
  apiUrl,
  authorization: ({ password }) => `Bearer ${password}`,
});

// Gitea takes an access token as password too, so one way serves both.
const gitea = (forge: URL): Flavour => ({ kind: "Gitea", apiUrl: new URL("api/v1", forge).href, authorization: basic });

const isJson = (answer: Response): boolean => (answer.headers.get("content-type") ?? "").includes("json");

/** Where a flavour tells its version, below the forge's own address. */
const versionPages = { Gitea: "api/v1/version", GitHub: "api/v3/meta" } as const;

type Asker = { readonly fetch: ForgeFetch; readonly clock: Pick<Clock, "now"> };

/** Asks for a flavour's version page, with the credential: some forges tell nothing to strangers. `undefined`: it is another one. */
const askVersion = async (
  { fetch, clock }: Asker,
  forge: URL,
  flavour: Flavour,
  credentials: Credentials,
): Promise<ForgeAnswer<Flavour> | undefined> => {
  const authorization = flavour.authorization(credentials);
  const headers = { accept: "application/json", "user-agent": "enchanted-swarm", authorization };
  const answer = await fetch(new URL(versionPages[flavour.kind], forge).href, { headers });
  if (answer.ok) return isJson(answer) ? { kind: "ok", value: flavour } : undefined;
  const { status } = answer;
  const failed = { status, message: (await answer.text()).slice(0, 200), headers: headersOf(answer.headers) };
  const judged = judgeForgeFailure(failed, `the forge ${forge.host} does not tell what it is`, clock.now());
  // A page that is not there, or a way to a page for people, is another flavour's.
  const isAnswer = judged.kind === "retry" || (judged.reason === "AuthenticationFailed" && isJson(answer));
  return isAnswer ? judged : undefined;
};

/** Finds out what a forge is: github.com by name, others by which version page they have. */
const detectFlavour = async (asker: Asker, forge: URL, credentials: Credentials): Promise<ForgeAnswer<Flavour>> => {
  if (forge.hostname === "github.com") return { kind: "ok", value: gitHub("https://api.github.com") };
  try {
    for (const flavour of [gitea(forge), gitHub(new URL("api/v3", forge).href)]) {
      const answer = await askVersion(asker, forge, flavour, credentials);
      if (answer !== undefined) return answer;
    }
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
type OpenForge = (repo: URL, credentials: Credentials) => Promise<ForgeAnswer<Forge>>;

/** Creates the opener; what a forge is, is asked once. */
export const createOpenForge = (options: ForgeFetchOptions & { readonly clock: Pick<Clock, "now"> }): OpenForge => {
  const { clock } = options;
  const fetch = createForgeFetch(options);
  const flavours = new Map<string, Flavour>();
  return async (repo, credentials) => {
    const repository = parseRepository(repo);
    if (repository === undefined)
      return { kind: "refused", reason: "RepositoryNotFound", message: `${repo.href} names no owner and repository` };
    const known = flavours.get(repository.forge.href);
    const detected =
      known === undefined
        ? await detectFlavour({ fetch, clock }, repository.forge, credentials)
        : { kind: "ok" as const, value: known };
    if (detected.kind !== "ok") return detected;
    flavours.set(repository.forge.href, detected.value);
    return {
      kind: "ok",
      value: createOctokitForge({ flavour: detected.value, repository, credentials, fetch, clock }),
    };
  };
};
