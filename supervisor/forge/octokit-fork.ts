import type { Octokit } from "@octokit/rest";
import * as z from "zod";
import { judgeFork, judgeForker, type ToldRepository, type WantedFork } from "#supervisor/forge/judge-fork.ts";
import { cloneUrl, type Forge, type ForgeAnswer, type RepositoryName } from "#supervisor/forge/forge.ts";
import { failedRequest, SentElsewhere } from "#supervisor/forge/octokit-client.ts";

// They become a part of an address that the credential is sent to.
const nameText = z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,255}$/);
const userSchema = z.object({ login: nameText });
const idSchema = z.object({ id: z.int() });
const repositorySchema = z.object({ owner: userSchema, name: nameText, parent: idSchema.nullish() });

// What has moved from there is there no more, for us: making the fork finds it where it is.
const findRepository = async (octokit: Octokit, owner: string, repo: string): Promise<ToldRepository | undefined> => {
  try {
    const { data } = await octokit.repos.get({ owner, repo });
    return repositorySchema.parse(data);
  } catch (error) {
    if (error instanceof SentElsewhere || failedRequest(error).status === 404) return undefined;
    throw error;
  }
};

const askWanted = async (octokit: Octokit, repository: RepositoryName): Promise<ForgeAnswer<WantedFork>> => {
  const { data: user } = await octokit.users.getAuthenticated();
  const forker = judgeForker(userSchema.parse(user).login, repository);
  if (forker.kind !== "ok") return forker;
  const { data } = await octokit.repos.get({ owner: repository.owner, repo: repository.name });
  return { kind: "ok", value: { login: forker.value, repository, repositoryId: idSchema.parse(data).id } };
};

/** Forks of one repository for the credential's user; both reject where a request fails. */
export const createForks = (octokit: Octokit, repository: RepositoryName): Pick<Forge, "findFork" | "makeFork"> => {
  const { forge, owner: of, name } = repository;
  return {
    findFork: async () => {
      const wanted = await askWanted(octokit, repository);
      if (wanted.kind !== "ok") return wanted;
      const { login: owner } = wanted.value;
      const told = await findRepository(octokit, owner, name);
      if (told === undefined)
        return { kind: "ok", value: { owner, name, url: cloneUrl(forge, owner, name), isThere: false } };
      const judged = judgeFork(told, wanted.value);
      return judged.kind === "ok" ? { kind: "ok", value: { ...judged.value, isThere: true } } : judged;
    },
    makeFork: async () => {
      const wanted = await askWanted(octokit, repository);
      if (wanted.kind !== "ok") return wanted;
      try {
        // GitHub answers the same where there is one; Gitea wants a body, whatever is in it.
        const { data } = await octokit.repos.createFork({ owner: of, repo: name, default_branch_only: false });
        return judgeFork(repositorySchema.parse(data), wanted.value);
      } catch (error) {
        // Gitea says so: another publication may have made it in this very moment.
        const told =
          failedRequest(error).status === 409 ? await findRepository(octokit, wanted.value.login, name) : undefined;
        if (told === undefined) throw error;
        return judgeFork(told, wanted.value);
      }
    },
  };
};
