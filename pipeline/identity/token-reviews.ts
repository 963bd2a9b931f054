import { createHash } from "node:crypto";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { reviewToken, type TokenUser } from "#nervous-system/kubernetes/reviews.ts";
import { createReviewRoom } from "#pipeline/identity/review-room.ts";
import { Verdicts } from "#pipeline/identity/verdicts.ts";

/** The pod that a projected token was issued to. */
export type TokenPod = { readonly name: string; readonly uid: string };

/** Whom a token belongs to: a ServiceAccount, with the pod where the token is a projected one, or any other user. */
export type Principal = {
  readonly username: string;
  /** Empty for a user that is no ServiceAccount. */
  readonly namespace: string;
  /** Empty for a user that is no ServiceAccount. */
  readonly serviceAccount: string;
  /** As the API server described it, to ask for its rights. */
  readonly user: TokenUser;
  readonly pod?: TokenPod;
};

/** What is known of a token; `unavailable` means try again, the API server could not be asked. */
type Authentication =
  | { readonly kind: "authentic"; readonly principal: Principal }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "unavailable"; readonly message: string };

/** Tells whose token this is. */
export type TokenReviews = {
  /**
   * `source` is the address that it came from, or the connection where a valid one has been shown on that; none where it was judged
   * by its source a moment before.
   */
  authenticate(token: string, audience: string, source?: string): Promise<Authentication>;
};

/** What token reviews are made of. */
export type TokenReviewsOptions = {
  readonly client: Pick<KubeClient, "request">;
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
  /** How long an answer holds, at most 60,000 ms by design. */
  readonly cacheMs?: number;
  /** Whether users that are no ServiceAccounts are taken too; without it they are refused. */
  readonly anyUser?: boolean;
};

const accountPattern = /^system:serviceaccount:([^:]+):([^:]+)$/;

const podOf = ({ extra }: TokenUser): { pod?: TokenPod } => {
  const name = extra?.["authentication.kubernetes.io/pod-name"]?.[0];
  const uid = extra?.["authentication.kubernetes.io/pod-uid"]?.[0];
  return name === undefined || uid === undefined ? {} : { pod: { name, uid } };
};

/** The principal of a reviewed user; one that is no ServiceAccount has neither namespace nor account. */
export const parsePrincipal = (user: TokenUser): Principal => {
  const [, namespace, serviceAccount] = accountPattern.exec(user.username) ?? [];
  if (namespace === undefined || serviceAccount === undefined)
    return { username: user.username, namespace: "", serviceAccount: "", user };
  return { username: user.username, namespace, serviceAccount, user, ...podOf(user) };
};

const claimsOf = (token: string): { exp?: unknown; aud?: unknown } => {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return typeof claims === "object" && claims !== null ? claims : {};
  } catch {
    return {};
  }
};

/** The `exp` of a token that the API server has accepted before, in Unix milliseconds; 0 when it has none that can be read. */
export const expiryOf = (token: string): number => {
  const { exp } = claimsOf(token);
  return typeof exp === "number" ? exp * 1000 : 0;
};

/** Whether a token says of itself that it is for an audience. Nothing is proven by that; it tells what to review it for. */
export const claimsAudience = (token: string, audience: string): boolean => {
  const { aud } = claimsOf(token);
  return Array.isArray(aud) ? aud.includes(audience) : aud === audience;
};

type Refused = Extract<Authentication, { kind: "refused" }>;

const verdictOf = async ({ client, anyUser = false }: TokenReviewsOptions, token: string, audience: string) => {
  const verdict = await reviewToken(client, token, [audience]);
  if (verdict.kind === "refused") return verdict;
  const principal = parsePrincipal(verdict.user);
  return principal.serviceAccount === "" && !anyUser
    ? { kind: "refused" as const, message: `"${verdict.user.username}" is not a ServiceAccount` }
    : { kind: "authentic" as const, principal };
};

const CACHE_MS = 60_000;

// A token may be so new that the API server's clock, or its cache, is behind.
const REFUSED_MS = 10_000;

type Known = { readonly principal: Principal; readonly reviewedAt: number; readonly expiresAt: number };

/**
 * Creates token reviews with a cache. While the API server is away a token that it has accepted holds until the token's own
 * expiry; one that it has not seen is `unavailable`, never refused. One that was refused is not put before it again for a
 * while, and of others only so many: any stranger makes up as many as he likes.
 */
export const createTokenReviews = (options: TokenReviewsOptions): TokenReviews => {
  const { clock, cacheMs = CACHE_MS } = options;
  const known = new Verdicts<Known>();
  const refused = new Verdicts<{ readonly verdict: Refused; readonly untilMs: number }>();
  const asked = new Map<string, Promise<Authentication>>();
  const room = createReviewRoom(clock);

  const review = async (key: string, token: string, audience: string): Promise<Authentication> => {
    const cached = known.get(key);
    try {
      const verdict = await verdictOf(options, token, audience);
      const now = clock.now();
      if (verdict.kind === "authentic")
        known.remember(key, { principal: verdict.principal, reviewedAt: now, expiresAt: expiryOf(token) });
      else {
        known.forget(key);
        refused.remember(key, { verdict, untilMs: now + REFUSED_MS });
      }
      return verdict;
    } catch (error) {
      if (cached !== undefined && clock.now() < cached.expiresAt)
        return { kind: "authentic", principal: cached.principal };
      const why = error instanceof Error ? error.message : String(error);
      return { kind: "unavailable", message: `the token could not be reviewed: ${why}` };
    }
  };

  /** One question of a token at a time, however many calls it comes with. */
  const reviewOnce = (key: string, token: string, audience: string): Promise<Authentication> => {
    const running = asked.get(key) ?? review(key, token, audience).finally(() => asked.delete(key));
    asked.set(key, running);
    return running;
  };

  const reviewUnknown = async (key: string, token: string, audience: string, source: string | undefined) => {
    const running = asked.get(key);
    if (running !== undefined) return running;
    const place = room.take(source);
    if (place === undefined)
      return { kind: "unavailable" as const, message: "too many tokens that are not valid came lately; try again" };
    const verdict = await reviewOnce(key, token, audience);
    if (verdict.kind !== "refused") place.giveBack();
    return verdict;
  };

  return {
    authenticate: async (token, audience, source) => {
      const key = createHash("sha256").update(`${audience}\u0000${token}`).digest("base64");
      const now = clock.now();
      const cached = known.get(key);
      const unexpired = cached !== undefined && (cached.expiresAt === 0 || now < cached.expiresAt);
      if (!unexpired) {
        const before = refused.get(key);
        return before !== undefined && now < before.untilMs
          ? before.verdict
          : reviewUnknown(key, token, audience, source);
      }
      if (now - cached.reviewedAt < cacheMs) return { kind: "authentic", principal: cached.principal };
      return reviewOnce(key, token, audience);
    },
  };
};
