/** Every reason by which a proposal is not published, and what it means. */
export const publicationRefusals = {
  AgentNotFound: "The Agent that proposes does not exist (any more), or works for another mission.",
  AuthenticationFailed: "The forge does not take the credential, or it may not do that.",
  BaseNotAllowed: "The proposal is based on another commit than the one that the agent began at.",
  BaseNotFound: "The base is not part of the mission's branch, or the proposed commit does not start from it.",
  BranchNotAllowed: "The proposal is meant for another branch than the mission's.",
  BranchTaken: "The agent's branch holds somebody else's work: delete or rename it.",
  BundleNotFound: "The bundle is not among the blobs of the namespace.",
  BundleTooLarge: "The bundle, or what it unfolds to, takes more bytes, memory or time than is given.",
  EntryNotAllowed: "A link, a submodule, an odd mode, or a pointer of Git LFS is among the changes.",
  ForgeRefused: "The forge is none that is known, or its API refuses.",
  ForkNotAllowed:
    "The mission's Secret does not list the fork that the branch would be pushed to: add it, or a pattern of it.",
  ForkNotPossible:
    "The repository belongs to the credential's own user, who cannot have a fork of it: take another user's credential, or `workspace.publish.via: Branch`.",
  ForkTaken: "The credential's user has a repository of the fork's name that is no fork of the mission's repository.",
  InvalidBundle: "The bundle, or an object in it, is broken or hostile.",
  InvalidProposal: "The frame is malformed.",
  MissionFinished: "The mission has ended.",
  MissionNotFound: "The mission does not exist any more, or is being deleted.",
  NothingChanged: "The proposal changes no file.",
  PathDenied: "A changed path is among `workspace.policy.deniedPaths`.",
  PathNotAllowed:
    "A changed path is a control path, is read by Git itself, or is none that every machine can have and tell from others.",
  PathNotInPolicy: "A changed path is not among `workspace.policy.allowedPaths`.",
  ProtocolNotAllowed: "The repository's address is not https.",
  PublicationTimedOut: "Forge or cluster did not answer, or the mission was suspended, for too long.",
  PublisherKilled: "The publisher was killed three times while it was at work on the proposal.",
  PushRejected: "The forge refuses the push: a protected branch, a hook, an archive.",
  Redirected: "The repository has moved: name its new address.",
  RefNotFound: "The mission's branch does not exist.",
  RepositoryNotAllowed: "The proposal is meant for another repository than the mission's.",
  RepositoryNotFound: "The repository does not exist, or the credential may not see it.",
  RepositoryTooLarge: "The mission's branch takes more room than is given.",
  SecretFound: "An added line holds a private key or a token of a known form (`workspace.policy.rejectSecrets`).",
  SecretNotFound: "The mission names no Secret, or one that is not there or lacks a key.",
  StaleAttempt: "Another attempt of the agent has taken this one's place.",
  Superseded: "A later proposal of the agent is on the branch; this fails no mission.",
  TooManyFiles: "The proposal changes more than 200 files, or than `workspace.policy.maxChangedFiles`.",
  TooManyProposals: "The agent, or all of the namespace, has too many proposals open.",
  TooManyRefused: "Five proposals of this attempt were refused; no more of it is looked at.",
} as const;

/** Why a proposal is not published, as PUBLICATION says it. */
export type PublicationRefusal = keyof typeof publicationRefusals;
