import { accessTo } from "#nervous-system/kubernetes/access.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { apiVersionOf, collectionPath, type ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";

const tokenReviews: ResourceKind = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "tokenreviews",
  kind: "TokenReview",
  namespaced: false,
};
const subjectAccessReviews: ResourceKind = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  namespaced: false,
};

const selfSubjectReviews: ResourceKind = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "selfsubjectreviews",
  kind: "SelfSubjectReview",
  namespaced: false,
};

/** What `reviewToken` needs. */
export const tokenReviewAccess = [accessTo(tokenReviews, ["create"])];
/** What `reviewAccess` needs. */
export const subjectAccessReviewAccess = [accessTo(subjectAccessReviews, ["create"])];

/** Who a token belongs to. */
export type TokenUser = { username: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };

/** The verdict on a token. */
export type TokenVerdict = { kind: "authentic"; user: TokenUser } | { kind: "refused"; message: string };

type TokenStatus = { authenticated?: boolean; user?: TokenUser; audiences?: string[]; error?: string };

/** Asks the API server whose token this is; the token must be issued for one of the audiences. */
export const reviewToken = async (
  client: Pick<KubeClient, "request">,
  token: string,
  audiences: readonly string[],
): Promise<TokenVerdict> => {
  const { status } = (await review(client, tokenReviews, { token, audiences })) as { status: TokenStatus };
  // An authenticator that knows no audiences names none: its token is good for the API server, not for us.
  const isForUs = status.audiences?.some((audience) => audiences.includes(audience)) === true;
  if (status.authenticated === true && status.user && isForUs) return { kind: "authentic", user: status.user };
  if (status.authenticated === true) return { kind: "refused", message: "the token was issued for another audience" };
  return { kind: "refused", message: status.error ?? "the API server does not know this token" };
};

/** The name by which the API server knows whoever the client is. */
export const ownName = async (client: Pick<KubeClient, "request">): Promise<string> => {
  const { status } = (await review(client, selfSubjectReviews, {})) as { status?: { userInfo?: TokenUser } };
  return status?.userInfo?.username ?? "";
};

/** One question about a right: may `user` do `verb` on the resource? */
export type AccessQuestion = {
  user: Pick<TokenUser, "username" | "uid" | "groups" | "extra">;
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
};

/** Asks the API server whether its authorizers allow an action; anything but a clear yes is no. */
export const reviewAccess = async (
  client: Pick<KubeClient, "request">,
  { user, ...resourceAttributes }: AccessQuestion,
): Promise<{ allowed: boolean; reason: string }> => {
  const { username, ...subject } = user;
  const answer = await review(client, subjectAccessReviews, { user: username, ...subject, resourceAttributes });
  const { status } = answer as { status: { allowed?: boolean; reason?: string } };
  return { allowed: status.allowed === true, reason: status.reason ?? "" };
};

const review = (client: Pick<KubeClient, "request">, kind: ResourceKind, spec: unknown): Promise<unknown> =>
  client.request({
    method: "POST",
    path: collectionPath(kind),
    body: {
      contentType: "application/json",
      text: JSON.stringify({ apiVersion: apiVersionOf(kind), kind: kind.kind, spec }),
    },
  });
