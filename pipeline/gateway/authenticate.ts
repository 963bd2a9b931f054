import type { Socket } from "node:net";
import { granted, refused, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";
import type { Principal, TokenReviews } from "#pipeline/identity/token-reviews.ts";

/** The token of a `Bearer` header, or of a `Basic` one as its password: Git sends proxies nothing else unasked. */
export const parseAuthorization = (header: string | undefined): string | undefined => {
  const bearer = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header ?? "")?.[1];
  if (bearer !== undefined) return bearer;
  const basic = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? "")?.[1];
  if (basic === undefined) return undefined;
  const decoded = Buffer.from(basic, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  const password = colon < 0 ? "" : decoded.slice(colon + 1);
  return password === "" ? undefined : password;
};

/** What names the sender of a request: a header, and the connection that it came on. */
export type Credentials = { readonly header: string | undefined; readonly from: Pick<Socket, "remoteAddress"> };

/** Tells whose request it is; `status` is 401, or 407 for a proxy. */
export const authenticate = async (
  reviews: TokenReviews,
  { header, from }: Credentials,
  audience: string,
  status: 401 | 407,
): Promise<Granted<Principal>> => {
  const token = parseAuthorization(header);
  if (token === undefined)
    return refused(status, "unauthenticated", `send a ServiceAccount token of audience "${audience}" as bearer token`);
  const verdict = await reviews.authenticate(token, audience, from.remoteAddress ?? "");
  switch (verdict.kind) {
    case "authentic":
      return granted(verdict.principal);
    case "refused":
      return refused(
        status,
        "unauthenticated",
        `the token is not valid for audience "${audience}": ${verdict.message}`,
      );
    case "unavailable":
      return refusedUntil(503, "identity_unavailable", verdict.message, 2);
  }
};
