import type { ForgeAnswer } from "#supervisor/forge/forge.ts";
import type { ForgeFetch } from "#supervisor/forge/forge-fetch.ts";

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
export const detectFlavour = async (forge: URL, fetch: ForgeFetch): Promise<ForgeAnswer<Flavour>> => {
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
