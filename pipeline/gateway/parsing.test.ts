import { describe, expect, it } from "@jest/globals";
import { parseAuthorization } from "#pipeline/gateway/authenticate.ts";
import { parseVerifierName, repositoryEndpoint } from "#pipeline/gateway/admit-fetch.ts";
import { parseTraceparent } from "#pipeline/gateway/model-call-frame.ts";
import { parseModelEndpoint, parseRoute, upstreamUrl } from "#pipeline/gateway/routes.ts";
import { aModel } from "#test/builders/model.ts";

describe("repositoryEndpoint", () => {
  it("is the URL's host with its port or the protocol's own", () => {
    expect(repositoryEndpoint("https://Git.example/a/b.git")).toEqual({ host: "git.example", port: 443 });
    expect(repositoryEndpoint("https://[::1]:3000/a.git")).toEqual({ host: "[::1]", port: 3000 });
  });
});

describe("parseVerifierName", () => {
  it("knows verifiers by the end of their name", () => {
    expect(parseVerifierName("fix-it-verify-2")).toBe("fix-it");
    expect(parseVerifierName("fix-coder-2")).toBeUndefined();
  });
});

describe("parseAuthorization", () => {
  it("reads bearer tokens, and basic passwords as Git sends them to proxies", () => {
    expect(parseAuthorization("Bearer a.b-c_d")).toBe("a.b-c_d");
    expect(parseAuthorization(`Basic ${Buffer.from("token:a.b:c").toString("base64")}`)).toBe("a.b:c");
    for (const bad of [undefined, "", "Bearer", "Bearer a b", `Basic ${Buffer.from("nocolon").toString("base64")}`])
      expect(parseAuthorization(bad)).toBeUndefined();
  });
});

describe("parseRoute", () => {
  it("knows operations that think, and no others", () => {
    expect(parseRoute("/openai/v1/chat/completions?x=1")).toEqual({
      provider: "OpenAICompatible",
      operation: "chat/completions",
    });
    expect(parseRoute("/anthropic/v1/messages")).toMatchObject({ provider: "Anthropic" });
    for (const bad of [
      "/openai/v1/files",
      "/openai/v1/chat/../files",
      "/openai/v1//chat/completions",
      "/anthropic/v1/chat/completions",
      "/",
    ])
      expect(parseRoute(bad)).toBeUndefined();
  });

  it("keeps the endpoint's own path", () => {
    expect(upstreamUrl(new URL("https://h/base/v1/"), "messages").href).toBe("https://h/base/v1/messages");
  });
});

describe("parseModelEndpoint", () => {
  const parsed = (endpoint: string) => parseModelEndpoint(aModel({ spec: { endpoint } }));

  it("refuses for good what no client can dial", () => {
    expect(parsed("https://h/v1")).toMatchObject({ kind: "granted", value: new URL("https://h/v1") });
    expect(parsed("http://h:99999/v1")).toMatchObject({ refusal: { status: 502, type: "model_endpoint_invalid" } });
  });
});

describe("parseTraceparent", () => {
  it("takes valid ids only", () => {
    const [trace, span] = ["a".repeat(32), "b".repeat(16)];
    expect(parseTraceparent(`00-${trace}-${span}-01`)).toEqual({ traceId: trace, spanId: span });
    expect(parseTraceparent(`00-${"0".repeat(32)}-${span}-01`)).toBeUndefined();
    expect(parseTraceparent("garbage")).toBeUndefined();
    expect(parseTraceparent(undefined)).toBeUndefined();
  });
});
