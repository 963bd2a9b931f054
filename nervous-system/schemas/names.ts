/** Labels, annotations and finalizers of the group. */
export const label = {
  mission: "swarm.enchanted.dev/mission",
  missionUid: "swarm.enchanted.dev/mission-uid",
  agent: "swarm.enchanted.dev/agent",
  attempt: "swarm.enchanted.dev/attempt",
  verifier: "swarm.enchanted.dev/verifier",
  /** On every pod whose network is confined to collector and gateway. */
  confined: "swarm.enchanted.dev/confined",
  /** On a Secret: what it may be used for, `git` or `model`. */
  use: "swarm.enchanted.dev/use",
} as const;

/** See `label`. */
export const annotation = {
  requestedAt: "swarm.enchanted.dev/requestedAt",
  /** On a Secret for models: comma-separated hosts that it may be sent to. */
  hosts: "swarm.enchanted.dev/hosts",
  /** On a Secret for Git: patterns of the repositories that it may be used for, separated by commas or blanks. */
  repositories: "swarm.enchanted.dev/repositories",
} as const;

/** Held on agent pods and Agents until the end of the record has been read. */
export const observeFinalizer = "swarm.enchanted.dev/observe";

/** Audiences of projected tokens. */
export const audience = {
  collector: "enchanted-collector",
  fetch: "enchanted-fetch",
  gateway: "enchanted-gateway",
} as const;

/** Keys of a Git Secret. */
export const gitSecretKeys = { username: "username", password: "password" } as const;
