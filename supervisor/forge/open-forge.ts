import { createForgeFetch, type ForgeFetchOptions } from "#supervisor/forge/forge-fetch.ts";
import { detectFlavour, type Flavour } from "#supervisor/forge/flavour.ts";
import type { Forge, ForgeAnswer } from "#supervisor/forge/forge.ts";
import { createOctokitForge } from "#supervisor/forge/octokit-forge.ts";
import { parseRepository } from "#supervisor/forge/repository.ts";

/** Opens the forge that a repository is on. */
export type OpenForge = (
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
