/** A pull request as a forge knows it. */
export type PullRequest = {
  readonly url: string;
  readonly number: number;
  readonly state: "open" | "merged" | "closed";
  /** Commit at its head. */
  readonly head: string;
  readonly title: string;
};

/** What a pull request is opened with. */
export type PullRequestDraft = {
  /** Branch with the change, in the same repository. */
  readonly branch: string;
  /** Branch that it is meant for. */
  readonly base: string;
  readonly title: string;
  readonly body: string;
};

/** How a request to a forge ended; `retry` where the same request may succeed later. */
export type ForgeAnswer<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "retry"; readonly message: string }
  | {
      readonly kind: "refused";
      readonly reason: "AuthenticationFailed" | "RepositoryNotFound" | "ForgeRefused";
      readonly message: string;
    };

/** One repository on a forge, with one credential. */
export type Forge = {
  /** The open pull request of a branch; else the newest one whose head is exactly `head`. */
  findPullRequest(branch: string, head: string): Promise<ForgeAnswer<PullRequest | undefined>>;
  openPullRequest(draft: PullRequestDraft): Promise<ForgeAnswer<PullRequest>>;
  /** Replaces title and text of an open pull request. */
  describePullRequest(number: number, draft: PullRequestDraft): Promise<ForgeAnswer<PullRequest>>;
};
