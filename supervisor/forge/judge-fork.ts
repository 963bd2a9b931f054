import { cloneUrl, type Fork, type ForgeAnswer, type RepositoryName } from "#supervisor/forge/forge.ts";

/** A repository as the forge tells of it. */
export type ToldRepository = {
  readonly owner: { readonly login: string };
  readonly name: string;
  /** What it was forked from. */
  readonly parent?: { readonly id: number } | null | undefined;
};

/** The fork that is wanted: whose it is to be, and of what. */
export type WantedFork = {
  /** Login of the credential's user. */
  readonly login: string;
  readonly repository: RepositoryName;
  /** The forge's number of that repository: names can be given to another one. */
  readonly repositoryId: number;
};

const isSameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** Whether the credential's user can have a fork at all: forges fork no repository into the account that it is in already. */
export const judgeForker = (login: string, { owner, name }: RepositoryName): ForgeAnswer<string> =>
  isSameName(login, owner)
    ? {
        kind: "refused",
        reason: "ForkNotPossible",
        message: `${owner}/${name} belongs to "${login}", whose credential this is, and nobody can fork what is theirs: take the credential of another user, who needs no more than to read it, or set workspace.publish.via to Branch`,
      }
    : { kind: "ok", value: login };

/**
 * Judges what stands in the fork's place, or was made there, before anything is pushed to it: only what the user owns, and the forge
 * calls a fork of this very repository. Somebody may have put another one there.
 */
export const judgeFork = (told: ToldRepository, { login, repository, repositoryId }: WantedFork): ForgeAnswer<Fork> => {
  const { owner, name } = { owner: told.owner.login, name: told.name };
  if (isSameName(owner, login) && told.parent?.id === repositoryId)
    return { kind: "ok", value: { owner, name, url: cloneUrl(repository.forge, owner, name) } };
  return {
    kind: "refused",
    reason: "ForkTaken",
    message: `${owner}/${name} is no fork of ${repository.owner}/${repository.name} that "${login}" owns, and nothing is pushed there: rename or delete it, or set workspace.publish.via to Branch`,
  };
};
