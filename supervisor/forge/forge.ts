/** A pull request as a forge knows it. */
export type PullRequest = {
  readonly url: string;
  readonly number: number;
  readonly state: "open" | "merged" | "closed";
  /** Commit at its head. */
  readonly head: string;
  readonly title: string;
  /** Commit of the merge, where it is merged and the forge tells. */
  readonly mergeCommit?: string | undefined;
};

/** A fork of a repository, at the same forge. */
export type Fork = {
  readonly owner: string;
  readonly name: string;
  /** Its clone URL. */
  readonly url: string;
};

/** What a pull request is opened with. */
export type PullRequestDraft = {
  /** Branch with the change. */
  readonly branch: string;
  /** The fork that the branch is in; without it, it is in the same repository. */
  readonly fork?: Fork | undefined;
  /** Branch that it is meant for. */
  readonly base: string;
  readonly title: string;
  readonly body: string;
};

/** How a request to a forge ended; `retry` where the same request may succeed later. */
export type ForgeAnswer<T> =
  | { readonly kind: "ok"; readonly value: T }
  /** `afterMs`: how long the forge asks to be left alone. */
  | { readonly kind: "retry"; readonly message: string; readonly afterMs?: number | undefined }
  | {
      readonly kind: "refused";
      readonly reason:
        | "AuthenticationFailed"
        | "RepositoryNotFound"
        | "Redirected"
        | "ForgeRefused"
        | "ForkNotPossible"
        | "ForkTaken";
      readonly message: string;
    };

/** One repository on a forge, with one credential. */
export type Forge = {
  /** The fork that the credential's user has, or where it would be made; one that is there is known to be of this very repository. */
  findFork(): Promise<ForgeAnswer<Fork & { readonly isThere: boolean }>>;
  /** Makes that fork, or finds it made; it may take a while until Git can push to it. */
  makeFork(): Promise<ForgeAnswer<Fork>>;
  /** The open pull request of a branch, of this repository or of a fork; else the newest one whose head is exactly `head`. */
  findPullRequest(branch: string, head: string, fork?: Fork): Promise<ForgeAnswer<PullRequest | undefined>>;
  openPullRequest(draft: PullRequestDraft): Promise<ForgeAnswer<PullRequest>>;
  /** What has become of a pull request. */
  readPullRequest(number: number): Promise<ForgeAnswer<PullRequest>>;
  /** Replaces title and text of an open pull request. */
  describePullRequest(number: number, draft: PullRequestDraft): Promise<ForgeAnswer<PullRequest>>;
};

/** A repository as its clone URL names it. */
export type RepositoryName = {
  /** What comes before owner and name: the forge itself. */
  readonly forge: URL;
  readonly owner: string;
  readonly name: string;
};

/** The clone URL of a repository of the forge. */
export const cloneUrl = (forge: URL, owner: string, name: string): string =>
  new URL(`${encodeURIComponent(owner)}/${encodeURIComponent(name)}.git`, forge).href;

/** Reads owner and name from a clone URL, `https://host[/prefix]/owner/name[.git]`; undefined where it has no owner. */
export const parseRepository = (repo: URL): RepositoryName | undefined => {
  const parts = repo.pathname.split("/").filter((part) => part !== "");
  const name = parts.pop()?.replace(/\.git$/, "");
  const owner = parts.pop();
  if (name === undefined || name === "" || owner === undefined) return undefined;
  const forge = new URL(repo.origin);
  forge.pathname = parts.length === 0 ? "/" : `/${parts.join("/")}/`;
  return { forge, owner: decodeURIComponent(owner), name: decodeURIComponent(name) };
};
