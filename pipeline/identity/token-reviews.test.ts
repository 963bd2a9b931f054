import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import type { RawRequest } from "#nervous-system/kubernetes/kube-client.ts";
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
    await clock.advance(10_000);
    expect((await reviews.authenticate(token, "a")).kind).toBe("unavailable");
  });
});

describe("an API server that was away", () => {
  it("is asked again as soon as it is back, however often it was asked meanwhile", async () => {
    const { state, client } = apiServer();
    const reviews = createTokenReviews({ client, clock: manualClock() });
    state.away = true;
    for (let n = 0; n < 100; n += 1) await reviews.authenticate(tokenUntil(9e9 + n), "a", "10.0.0.1");
    state.away = false;
    expect((await reviews.authenticate(tokenUntil(9e9), "a", "10.0.0.1")).kind).toBe("authentic");
  });
});

describe("tokens that are not valid", () => {
  /** An API server that knows the tokens that begin with `good`, and one address or many that send others. */
  const flooded = () => {
    const clock = manualClock();
    const asked: string[] = [];
    const request = ({ body }: RawRequest): Promise<unknown> => {
      const { token } = (JSON.parse(body?.text ?? "") as { spec: { token: string } }).spec;
      asked.push(token);
      return Promise.resolve({
        status: token.startsWith("good") ? { authenticated: true, user, audiences: ["a"] } : { error: "made up" },
      });
    };
    const reviews = createTokenReviews({ client: { request }, clock });
    const come = async (token: string, source?: string): Promise<string> =>
      (await reviews.authenticate(token, "a", source)).kind;
    const flood = async (source: string, tokens: number): Promise<void> => {
      for (let i = 0; i < tokens; i += 1) await come(`${source}/${i}/${clock.now()}`, source);
    };
    return { clock, asked, come, flood };
  };

  it("are put before the API server once in ten seconds each, and calls of one token at once ask once", async () => {
    const { clock, asked, come } = flooded();
    for (let i = 0; i < 50; i += 1) expect(await come("bad", "10.0.0.1")).toBe("refused");
    expect(asked).toEqual(["bad"]);
    await clock.advance(10_000);
    expect(await come("bad", "10.0.0.1")).toBe("refused");
    expect(asked).toEqual(["bad", "bad"]);
    expect(await Promise.all([come("good", "10.0.0.2"), come("good", "10.0.0.2")])).toEqual(["authentic", "authentic"]);
    expect(asked).toEqual(["bad", "bad", "good"]);
  });

  it("cost the API server a bounded number however many come from one address, and others nothing", async () => {
    const { clock, asked, come, flood } = flooded();
    await flood("10.0.0.1", 1_000);
    expect(asked.length).toBe(20);
    expect(await come("good at the same address", "10.0.0.1")).toBe("unavailable");
    expect(await come("good elsewhere", "10.0.0.2")).toBe("authentic");
    expect(await come("good on a connection that is known", undefined)).toBe("authentic");
    asked.length = 0;
    for (let second = 0; second < 60; second += 1) {
      await flood("10.0.0.1", 100);
      await clock.advance(1_000);
    }
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  it("cost it a bounded number from however many addresses, while a new address gets in", async () => {
    const { clock, asked, come, flood } = flooded();
    const addresses = Array.from({ length: 300 }, (_, i) => `10.0.${i}.1`);
    for (const address of addresses) await flood(address, 30);
    expect(asked.length).toBeLessThanOrEqual(250);
    // Everybody of them has shown what he is by now.
    for (let second = 0; second < 30; second += 1) {
      for (const address of addresses) await flood(address, 3);
      await clock.advance(1_000);
    }
    asked.length = 0;
    for (let second = 0; second < 10; second += 1) {
      for (const address of addresses) await flood(address, 3);
      expect(await come(`good ${second}`, `10.1.${second}.1`)).toBe("authentic");
      await clock.advance(1_000);
    }
    expect(asked.length).toBeLessThanOrEqual(10 * (40 + 10));
  });

  it("hold up no valid ones that come from the same address, before many users", async () => {
    const { asked, come } = flooded();
    for (let i = 0; i < 1_000; i += 1) expect(await come(`good ${i}`, "10.0.0.1")).toBe("authentic");
    expect(asked.length).toBe(1_000);
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
