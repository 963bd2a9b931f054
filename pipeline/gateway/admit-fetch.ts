import type { Clock } from "#nervous-system/kernel/clock.ts";
import { judgeSecret } from "#nervous-system/kubernetes/secret-use.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { parseEndpoint, type Endpoint } from "#nervous-system/kernel/endpoint.ts";
import { gitSecretKeys } from "#nervous-system/schemas/names.ts";
import { awaitBinding, lookUntilKnown } from "#pipeline/gateway/await-binding.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";
import type { Principal, TokenPod } from "#pipeline/identity/token-reviews.ts";

/** The one endpoint that a mission's repository is at. */
export const repositoryEndpoint = (repo: string): Endpoint => {
  const url = new URL(repo);
  return { host: url.hostname.toLowerCase(), port: Number(url.port || (url.protocol === "https:" ? 443 : 80)) };
};

/** The mission whose verifier a pod's name claims to be, `<mission>-verify-<n>`. */
export const parseVerifierName = (name: string): string | undefined => /^(.+)-verify-[0-9]+$/.exec(name)?.[1];

type Waiting = Pick<Clock, "sleep" | "monotonicMs">;

const decideVerifier = (mission: Mission | undefined, pod: TokenPod): Granted<Mission> | undefined => {
  const unknownPod = refused(403, "unknown_pod", `pod "${pod.name}" is not the current verifier of any Mission`);
  if (mission === undefined) return unknownPod;
  const { podUID, podName } = mission.status?.verification ?? {};
  if (podUID === pod.uid) return granted(mission);
  return podUID !== undefined && podName === pod.name ? unknownPod : undefined;
};

const missionOfVerifier = (
  view: Pick<ClusterView, "missionNow">,
  ref: { readonly namespace: string; readonly name: string },
  pod: TokenPod,
  clock: Waiting,
): Promise<Granted<Mission>> =>
  lookUntilKnown(
    async () => decideVerifier(await view.missionNow(ref), pod),
    `pod "${pod.name}" is not yet known as the verifier of a Mission`,
    clock,
  );

const missionOfAgentPod = async (
  view: Pick<ClusterView, "agent" | "agentNow" | "missionNow">,
  namespace: string,
  pod: TokenPod,
  clock: Waiting,
): Promise<Granted<Mission>> => {
  const bound = await awaitBinding(view, namespace, pod, clock);
  if (bound.kind === "refused") return bound;
  const name = bound.value.agent.spec.missionRef.name;
  const mission = await view.missionNow({ namespace, name });
  return mission === undefined
    ? refused(403, "mission_not_found", `Mission "${name}" does not exist`)
    : granted(mission);
};

// The pod holds the Secret since the kubelet mounted it: here it is about to be sent, and whoever took it back is heard.
const secretIsAllowed = async (
  view: Pick<ClusterView, "secret">,
  namespace: string,
  { repo, secretRef }: Mission["spec"]["workspace"],
): Promise<Granted<void>> => {
  if (secretRef === undefined) return granted(undefined);
  const ref = { namespace, name: secretRef.name };
  const wanted = { ...ref, use: "git", repo, keys: Object.values(gitSecretKeys) } as const;
  const verdict = judgeSecret(await view.secret(ref), wanted);
  return verdict.kind === "usable" ? granted(undefined) : refused(403, "secret_not_allowed", verdict.message);
};

/**
 * Decides whether a pod may have a tunnel to fetch by: to the host and port of its mission's repository, and nowhere else, and only
 * while the mission's Secret may be used for it.
 */
export const admitFetch = async (
  view: Pick<ClusterView, "agent" | "agentNow" | "missionNow" | "secret">,
  principal: Principal,
  authority: string,
  clock: Waiting,
): Promise<Granted<Endpoint>> => {
  const wanted = parseEndpoint(authority);
  if (wanted === undefined) return refused(400, "invalid_target", `"${authority}" is not host:port`);
  const { pod, namespace } = principal;
  if (pod === undefined) return refused(403, "not_a_pod", "this token was not issued to a pod");
  const verified = parseVerifierName(pod.name);
  const mission =
    verified === undefined
      ? await missionOfAgentPod(view, namespace, pod, clock)
      : await missionOfVerifier(view, { namespace, name: verified }, pod, clock);
  if (mission.kind === "refused") return mission;
  const { metadata, spec } = mission.value;
  const allowed = repositoryEndpoint(spec.workspace.repo);
  if (allowed.host !== wanted.host || allowed.port !== wanted.port) {
    const message = `Mission "${metadata.name}" may fetch from ${allowed.host}:${allowed.port} only, not from ${authority}`;
    return refused(403, "target_not_allowed", message);
  }
  const secret = await secretIsAllowed(view, namespace, spec.workspace);
  return secret.kind === "refused" ? secret : granted(allowed);
};
