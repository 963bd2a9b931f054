import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { claimsAudience, createTokenReviews, expiryOf, parsePrincipal } from "#pipeline/identity/token-reviews.ts";

const tokenUntil = (exp: number): string => `x.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.${exp}`;

const user = {
  username: "system:serviceaccount:team:default",
  extra: {
    "authentication.kubernetes.io/pod-name": ["fix-coder-1"],
    "authentication.kubernetes.io/pod-uid": ["u1"],
  },
};

/** Answers as the API server would, or not at all; counts the questions. */
const apiServer = () => {
  const state = { asked: 0, away: false, authentic: true, audiences: ["a", "b"] };
  const request = (): Promise<unknown> => {
    state.asked += 1;
    if (state.away) return Promise.reject(new Error("ECONNREFUSED"));
    const { authentic, audiences } = state;
    return Promise.resolve({ status: authentic ? { authenticated: true, user, audiences } : { error: "expired" } });
  };
  return { state, client: { request } };
};

describe("token reviews", () => {
  it("ask once a minute for a token and an audience", async () => {
    const clock = manualClock();
    const { state, client } = apiServer();
    const reviews = createTokenReviews({ client, clock });
    const token = tokenUntil(clock.now() / 1000 + 3600);
    for (let i = 0; i < 3; i += 1) await reviews.authenticate(token, "a");
    expect(state.asked).toBe(1);
    await reviews.authenticate(token, "b");
    expect(state.asked).toBe(2);
    await clock.advance(60_000);
    expect(await reviews.authenticate(token, "a")).toEqual({
      kind: "authentic",
      principal: {
        user,
        username: user.username,
        namespace: "team",
        serviceAccount: "default",
        pod: { name: "fix-coder-1", uid: "u1" },
      },
    });
    expect(state.asked).toBe(3);
  });

  it("hold an accepted token while the API server is away, until the token's own expiry", async () => {
    const clock = manualClock();
    const { state, client } = apiServer();
    const reviews = createTokenReviews({ client, clock });
    const token = tokenUntil(clock.now() / 1000 + 600);
    await reviews.authenticate(token, "a");
    state.away = true;
    await clock.advance(599_000);
    expect((await reviews.authenticate(token, "a")).kind).toBe("authentic");
    await clock.advance(2_000);
    expect((await reviews.authenticate(token, "a")).kind).toBe("unavailable");
    expect((await reviews.authenticate(tokenUntil(9e9), "a")).kind).toBe("unavailable");
  });

  it.each([[["b"]], [[]]])("refuse a token that is authentic for the audiences %j only", async (audiences) => {
    const { state, client } = apiServer();
    state.audiences = audiences;
    const verdict = await createTokenReviews({ client, clock: manualClock() }).authenticate(tokenUntil(9e9), "a");
    expect(verdict).toMatchObject({ kind: "refused", message: expect.stringContaining("audience") });
  });

  it("forget a token that is refused", async () => {
    const clock = manualClock();
    const { state, client } = apiServer();
    const reviews = createTokenReviews({ client, clock });
    const token = tokenUntil(clock.now() / 1000 + 6000);
    await reviews.authenticate(token, "a");
    await clock.advance(60_000);
    state.authentic = false;
    expect(await reviews.authenticate(token, "a")).toEqual({ kind: "refused", message: "expired" });
    state.away = true;
    expect((await reviews.authenticate(token, "a")).kind).toBe("unavailable");
  });
});

describe("parsePrincipal", () => {
  it("tells ServiceAccounts from other users", () => {
    const admin = { username: "kubernetes-admin" };
    expect(parsePrincipal(admin)).toEqual({ ...admin, namespace: "", serviceAccount: "", user: admin });
    const account = { username: "system:serviceaccount:ns:sa" };
    expect(parsePrincipal(account)).toEqual({ ...account, namespace: "ns", serviceAccount: "sa", user: account });
  });
});

describe("expiryOf", () => {
  it("is 0 for what cannot be read", () => {
    expect(expiryOf("opaque")).toBe(0);
    expect(expiryOf(tokenUntil(7))).toBe(7000);
  });
});

describe("claimsAudience", () => {
  const tokenFor = (claims: unknown): string => `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.y`;

  it("reads one audience or several, and none from what it cannot read", () => {
    expect(claimsAudience(tokenFor({ aud: ["a", "b"] }), "b")).toBe(true);
    expect(claimsAudience(tokenFor({ aud: "a" }), "a")).toBe(true);
    for (const other of [tokenFor({ aud: ["ab"] }), tokenFor({}), tokenFor(null), "opaque", ""])
      expect(claimsAudience(other, "a")).toBe(false);
  });
});
