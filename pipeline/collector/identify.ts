import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createTokenBuckets, type TokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import { informerAccess } from "#nervous-system/kubernetes/informer.ts";
import { subjectAccessReviewAccess, tokenReviewAccess } from "#nervous-system/kubernetes/reviews.ts";
import { agents, type Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { audience } from "#nervous-system/schemas/names.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import { computePodBinding, parsePodName } from "#pipeline/identity/pod-binding.ts";
import type { RecordUse } from "#pipeline/identity/record-right.ts";
import type { Principal, TokenPod, TokenReviews } from "#pipeline/identity/token-reviews.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import type { AdmitExternalClient } from "./external-clients.ts";

/** What the collector needs in the whole cluster. */
export const collectorClusterAccess = [...tokenReviewAccess, ...subjectAccessReviewAccess, ...informerAccess(agents)];

type Ref = { readonly namespace: string; readonly name: string };

/** Where Agents are looked up: in the cache, or past it for a pod so new that the cache may not know it. */
type AgentLookup = {
  agent(ref: Ref): Agent | undefined;
  agentNow(ref: Ref): Promise<Agent | undefined>;
};

/** What identification needs. */
export type IdentifyOptions = {
  readonly reviews: TokenReviews;
  readonly lookup: AgentLookup;
  /** Judges tokens that name no pod. */
  readonly admitExternalClient: AdmitExternalClient;
  readonly releaseNamespace: string;
  readonly clock: Pick<Clock, "monotonicMs">;
};

/** What else is known of a call. */
type CallKind = {
  /** Where it comes from, until it is admitted. */
  readonly source?: string;
  /** What an external client must have the right to; it writes where nothing is said. */
  readonly use?: RecordUse;
};

/**
 * Tells who calls; `namespace` is the one whose record an external client uses, its own without it. Rejects with `GrpcFailure`.
 */
export type Identify = (token: string | undefined, namespace?: string, call?: CallKind) => Promise<Caller>;

const RETRY_MS = 1_000;
// Past the cache, for one pod; it comes again until the operator has written it down.
const looks = { perSecond: 2, burst: 8 };
const MAX_PODS = 10_000;

/** ServiceAccounts of the release that write frames of their own, by what their frames name as producer. */
const components: Readonly<Record<string, Producer>> = {
  "enchanted-gateway": "gateway",
  "enchanted-operator": "operator",
  "enchanted-publisher": "supervisor",
  "enchanted-summarizer": "siphon",
};

const denied = (message: string): GrpcFailure => new GrpcFailure(grpcStatus.permissionDenied, message);
const unavailable = (message: string): GrpcFailure => new GrpcFailure(grpcStatus.unavailable, message, RETRY_MS);

const ownerOf = (agent: Agent): string => {
  const owner = agent.metadata.ownerReferences?.find(({ kind }) => kind === "Mission");
  if (owner === undefined)
    throw denied(`Agent "${agent.metadata.name}" belongs to no Mission; let the operator create Agents`);
  return owner.uid;
};

const boundOf = (agent: Agent, epoch: number): NonNullable<Caller["bound"]> => {
  const { missionRef, persona } = agent.spec;
  return {
    epoch,
    missionUid: ownerOf(agent),
    mission: missionRef.name,
    ...(persona && { persona: { name: persona.name, digest: personaDigestOf(persona.systemPrompt) } }),
  };
};

const agentCaller = (agent: Agent, epoch: number): Caller => ({
  agentUid: agent.metadata.uid,
  agent: agent.metadata.name,
  namespace: agent.metadata.namespace ?? "",
  producers: ["agent", "scribe"],
  recorder: "scribe",
  bound: boundOf(agent, epoch),
});

const componentCaller = (component: Producer, pod: TokenPod, namespace: string): Caller => ({
  agentUid: stableId(component, pod.name, namespace),
  namespace,
  producers: [component],
  recorder: component,
});

type Lookup = AgentLookup & { readonly looks: TokenBuckets };

const bind = async (lookup: Lookup, namespace: string, pod: TokenPod): Promise<Caller> => {
  const ref = { namespace, name: parsePodName(pod.name)?.agent ?? pod.name };
  let binding = computePodBinding(pod, lookup.agent(ref));
  if (binding.kind === "unknown" && lookup.looks.of(pod.uid).take(1) === 0) {
    const fresh = await lookup.agentNow(ref).catch((error: unknown) => {
      throw unavailable(`the Agent of pod "${pod.name}" could not be read: ${String(error)}`);
    });
    binding = computePodBinding(pod, fresh);
  }
  if (binding.kind === "unknown")
    throw unavailable(`pod "${pod.name}" is not yet known as the pod of an Agent; try again`);
  if (binding.kind === "foreign")
    throw denied(`pod "${pod.name}" is none of the last attempts of an Agent in namespace "${namespace}"`);
  return agentCaller(binding.agent, binding.attempt);
};

const callerOf = (
  options: IdentifyOptions & { readonly lookup: Lookup },
  principal: Principal,
  { asked, use = "create" }: { readonly asked: string | undefined; readonly use: RecordUse | undefined },
): Promise<Caller> | Caller => {
  const { namespace, pod, serviceAccount } = principal;
  if (pod === undefined) return options.admitExternalClient(principal, asked, use);
  const component = namespace === options.releaseNamespace ? ownOf(components, serviceAccount) : undefined;
  return component === undefined ? bind(options.lookup, namespace, pod) : componentCaller(component, pod, namespace);
};

/** Creates the identification of callers by their projected token. */
export const createIdentify = (given: IdentifyOptions): Identify => {
  const options = { ...given, lookup: { ...given.lookup, looks: createTokenBuckets(looks, given.clock, MAX_PODS) } };
  return async (token, namespace, { source, use } = {}) => {
    if (token === undefined)
      throw new GrpcFailure(
        grpcStatus.unauthenticated,
        `send a ServiceAccount token of audience "${audience.collector}" in metadata "authorization: Bearer <token>"`,
      );
    const verdict = await options.reviews.authenticate(token, audience.collector, source);
    switch (verdict.kind) {
      case "authentic":
        return callerOf(options, verdict.principal, { asked: namespace, use });
      case "refused":
        throw new GrpcFailure(
          grpcStatus.unauthenticated,
          `the token is not valid for audience "${audience.collector}": ${verdict.message}`,
        );
      case "unavailable":
        throw unavailable(verdict.message);
    }
  };
};
