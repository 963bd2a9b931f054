import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createTokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { reviewAccess } from "#nervous-system/kubernetes/reviews.ts";
import { apiGroup } from "#nervous-system/schemas/resources/define-resource.ts";
import type { Principal } from "#pipeline/identity/token-reviews.ts";

/** What a call does with the record of a namespace: the verb on `missions/record` that its user needs for it. */
export type RecordUse = "create" | "get" | "delete";

/** Resolves where a user may use the record of a namespace so; rejects with `GrpcFailure` where not. */
export type CheckRecordRight = (principal: Principal, namespace: string, use: RecordUse) => Promise<void>;

/** What checking the right needs. */
export type RecordRightOptions = {
  readonly client: Pick<KubeClient, "request">;
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
};

const ALLOWED_MS = 60_000;
// Whoever was refused has the right granted, and tries again.
const REFUSED_MS = 5_000;
const MAX_KNOWN = 10_000;
const RETRY_MS = 1_000;
// Of one user; each namespace that he names is a question a minute, for each use. Those that he has no right in, or was not asked
// about yet, he can make up without end.
const questions = { perSecond: 2, burst: 50 };
// Of those that he was admitted to before.
const renewals = { perSecond: 20, burst: 200 };

type Verdict = { readonly allowed: boolean; readonly at: number };

/** Whether a text can be the name of a namespace. */
export const isNamespaceName = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);

const refusals: Readonly<Record<RecordUse, { readonly what: string; readonly roles: string }>> = {
  create: { what: "record in", roles: "ClusterRoles enchanted-record and enchanted-edit have it" },
  get: { what: "read the record of", roles: "ClusterRoles enchanted-view and enchanted-edit have it" },
  delete: { what: "erase what the record says in", roles: "ClusterRole enchanted-erase has it" },
};

const refusal = (username: string, namespace: string, use: RecordUse): GrpcFailure =>
  new GrpcFailure(
    grpcStatus.permissionDenied,
    `"${username}" may not ${refusals[use].what} namespace "${namespace}": grant it "${use}" on "missions/record" there (${refusals[use].roles}); it counts within ${REFUSED_MS / 1000} s`,
  );

/** Caches what the API server says of a use of `missions/record`, 60 s that it is allowed and 5 s that it is not; an answer is never made up while it is away. */
export const createRecordRight = ({ client, clock }: RecordRightOptions): CheckRecordRight => {
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
    if (cached !== undefined && clock.now() - cached.at < (cached.allowed ? ALLOWED_MS : REFUSED_MS))
      return cached.allowed;
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
  return async (principal, namespace, use) => {
    if (!(await isAllowed(principal, namespace, use))) throw refusal(principal.username, namespace, use);
  };
};
