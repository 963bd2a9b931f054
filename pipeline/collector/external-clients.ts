import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { namespaceMetadata } from "#nervous-system/comms/grpc/methods.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createTokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { reviewAccess } from "#nervous-system/kubernetes/reviews.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { apiGroup } from "#nervous-system/schemas/resources/define-resource.ts";
import type { Principal } from "#pipeline/identity/token-reviews.ts";
import type { Caller } from "./caller.ts";

/** What a call does with the record of a namespace: the verb on `missions/record` that an external client needs for it. */
export type RecordUse = "create" | "get";

/** Admits a user without a pod into a namespace; rejects with `GrpcFailure` who may not use its record so. */
export type AdmitExternalClient = (
  principal: Principal,
  namespace: string | undefined,
  use: RecordUse,
) => Promise<Caller>;

/** What admitting external clients needs. */
export type ExternalClientsOptions = {
  readonly client: Pick<KubeClient, "request">;
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
};

const CACHE_MS = 60_000;
const MAX_KNOWN = 10_000;
const RETRY_MS = 1_000;
// Of one user; each namespace that he names is a question a minute, for each use. Those that he has no right in, or was not asked
// about yet, he can make up without end.
const questions = { perSecond: 2, burst: 50 };
// Of those that he was admitted to before.
const renewals = { perSecond: 20, burst: 200 };

type Verdict = { readonly allowed: boolean; readonly at: number };

const namespaceOf = ({ namespace }: Principal, asked: string | undefined): string => {
  const wanted = asked === undefined || asked === "" ? namespace : asked;
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(wanted)) return wanted;
  throw new GrpcFailure(
    grpcStatus.invalidArgument,
    `name the namespace of the record by metadata or header "${namespaceMetadata}"; ${JSON.stringify(wanted.slice(0, 80))} is none`,
  );
};

const refusals: Readonly<Record<RecordUse, { readonly what: string; readonly roles: string }>> = {
  create: { what: "record in", roles: "enchanted-record and enchanted-edit" },
  get: { what: "read the record of", roles: "enchanted-view and enchanted-edit" },
};

const refusal = (username: string, namespace: string, use: RecordUse): GrpcFailure =>
  new GrpcFailure(
    grpcStatus.permissionDenied,
    `"${username}" may not ${refusals[use].what} namespace "${namespace}": grant it "${use}" on "missions/record" there (ClusterRoles ${refusals[use].roles} have it)`,
  );

/** Caches what the API server says of a use of `missions/record` for 60 s; an answer is never made up while it is away. */
export const createAdmitExternalClient = ({ client, clock }: ExternalClientsOptions): AdmitExternalClient => {
  const known = new Map<string, Verdict>();
  const asking = createTokenBuckets(questions, clock, MAX_KNOWN);
  const renewing = createTokenBuckets(renewals, clock, MAX_KNOWN);
  const ask = async ({ user }: Principal, namespace: string, verb: RecordUse): Promise<boolean> => {
    const question = { user, verb, group: apiGroup, resource: "missions", subresource: "record", namespace };
    try {
      return (await reviewAccess(client, question)).allowed;
    } catch (error) {
      throw new GrpcFailure(
        grpcStatus.unavailable,
        `the right to the record could not be asked: ${String(error)}`,
        RETRY_MS,
      );
    }
  };
  const isAllowed = async (principal: Principal, namespace: string, use: RecordUse): Promise<boolean> => {
    const key = `${use}\u0000${namespace}\u0000${principal.username}`;
    const cached = known.get(key);
    if (cached !== undefined && clock.now() - cached.at < CACHE_MS) return cached.allowed;
    const waitMs = (cached?.allowed === true ? renewing : asking).of(principal.username).take(1);
    if (waitMs > 0)
      throw new GrpcFailure(grpcStatus.unavailable, `"${principal.username}" names too many namespaces`, waitMs);
    const allowed = await ask(principal, namespace, use);
    known.delete(key);
    known.set(key, { allowed, at: clock.now() });
    const [oldest] = known.keys();
    if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    return allowed;
  };
  return async (principal, asked, use) => {
    const namespace = namespaceOf(principal, asked);
    if (!(await isAllowed(principal, namespace, use))) throw refusal(principal.username, namespace, use);
    return {
      agentUid: stableId("stranger", principal.username),
      namespace,
      producers: ["agent", "scribe"],
      recorder: "scribe",
      principal: principal.username,
    };
  };
};
