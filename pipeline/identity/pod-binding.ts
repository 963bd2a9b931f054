import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import type { TokenPod } from "#pipeline/identity/token-reviews.ts";

/** Which attempt of which Agent a pod is. */
export type PodBinding<A> =
  /** The pod of the Agent's current attempt: its frames and its effects count. */
  | { readonly kind: "current"; readonly agent: A; readonly attempt: number }
  /** One of the last three attempts before it: late frames are taken, effects are not. */
  | { readonly kind: "earlier"; readonly agent: A; readonly attempt: number }
  /** A pod that was never this Agent's, or is too old. */
  | { readonly kind: "foreign" }
  /** Nothing is known yet: the operator may still be writing it down. */
  | { readonly kind: "unknown" };

const lateAttempts = 3;

/** The Agent and attempt that a pod's name claims, `<agent>-<attempt>`; a claim only, until the UID agrees. */
export const parsePodName = (name: string): { readonly agent: string; readonly attempt: number } | undefined => {
  const [, agent, attempt] = /^(.+)-([1-9][0-9]{0,8}|0)$/.exec(name) ?? [];
  return agent === undefined || attempt === undefined ? undefined : { agent, attempt: Number(attempt) };
};

/** Decides what a pod is to the Agent that its name claims. */
export const computePodBinding = <A extends { status?: AgentStatus | undefined }>(
  pod: TokenPod,
  agent: A | undefined,
): PodBinding<A> => {
  const claimed = parsePodName(pod.name);
  if (claimed === undefined) return { kind: "foreign" };
  if (agent?.status === undefined) return { kind: "unknown" };
  const { attempt: current = 0, podUID, history = [] } = agent.status;
  if (podUID === pod.uid) return { kind: "current", agent, attempt: current };
  const earlier = history.find((entry) => entry.podUID === pod.uid);
  if (earlier === undefined) return { kind: claimed.attempt >= current ? "unknown" : "foreign" };
  const taken = current - earlier.attempt <= lateAttempts;
  return taken ? { kind: "earlier", agent, attempt: earlier.attempt } : { kind: "foreign" };
};
