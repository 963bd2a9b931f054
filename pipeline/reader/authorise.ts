import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { subjectAccessReviewAccess, tokenReviewAccess } from "#nervous-system/kubernetes/reviews.ts";
import { audience } from "#nervous-system/schemas/names.ts";
import { recall } from "#nervous-system/schemas/questions/recall.ts";
import { isNamespaceName, type CheckRecordRight } from "#pipeline/identity/record-right.ts";
import type { Principal, TokenReviews } from "#pipeline/identity/token-reviews.ts";

/** What the reader needs in the whole cluster. */
export const readerClusterAccess = [...tokenReviewAccess, ...subjectAccessReviewAccess];

/** Who may ask what. Everything rejects with `GrpcFailure`. */
export type Authorise = {
  /** Whose token it is; `source` as for token reviews. */
  authenticate(token: string | undefined, source?: string): Promise<Principal>;
  /**
   * The namespace that is asked about, the user's own where it names none, once the user may read its record. The release's collector
   * may ask the question `recall` of any: it says whose agent it asks for, whose token it has reviewed.
   */
  namespaceFor(principal: Principal, asked: string, question: string): Promise<string>;
};

const RETRY_MS = 1_000;

const isCollector = ({ namespace, serviceAccount, pod }: Principal, releaseNamespace: string): boolean =>
  pod !== undefined && namespace === releaseNamespace && serviceAccount === "enchanted-collector";

/** Creates the check of a token and of the right to `get` the record of a namespace. */
export const createAuthorise = (
  reviews: TokenReviews,
  checkRight: CheckRecordRight,
  releaseNamespace: string,
): Authorise => ({
  authenticate: async (token, source) => {
    const what = `of audience "${audience.collector}"`;
    if (token === undefined)
      throw new GrpcFailure(
        grpcStatus.unauthenticated,
        `send a token ${what} in metadata "authorization: Bearer <token>"`,
      );
    const verdict = await reviews.authenticate(token, audience.collector, source);
    if (verdict.kind === "authentic") return verdict.principal;
    if (verdict.kind === "unavailable") throw new GrpcFailure(grpcStatus.unavailable, verdict.message, RETRY_MS);
    throw new GrpcFailure(grpcStatus.unauthenticated, `the token is no valid one ${what}: ${verdict.message}`);
  },
  namespaceFor: async (principal, asked, question) => {
    const namespace = asked === "" ? principal.namespace : asked;
    if (!isNamespaceName(namespace))
      throw new GrpcFailure(
        grpcStatus.invalidArgument,
        `name the namespace of the record; ${JSON.stringify(namespace.slice(0, 80))} is none`,
      );
    const isForAgents = question === recall.name && isCollector(principal, releaseNamespace);
    if (!isForAgents) await checkRight(principal, namespace, "get");
    return namespace;
  },
});
