import { describe, expect, it } from "@jest/globals";
import { judgeCall } from "./judge-call.ts";
import { inArguments } from "./path-secret.ts";
import { planModelWays } from "./routes.ts";

const secret = "5e".repeat(16);
const codex = { kind: "setting", name: "openai_base_url", base: undefined } as const;
const ways = planModelWays({ env: {}, dotenv: new Map(), geminiSignIn: undefined, codex });

const judge = (url: string, headers: object = {}) =>
  judgeCall({ url, headers: { host: "127.0.0.1:9", ...headers } }, ways, secret);
const behind = (rest: string, headers?: object) => judge(`/${secret}/openai/v1${rest}`, headers);

describe("a call of a model", () => {
  it.each([
    ["no secret", "/openai/v1/chat/completions"],
    ["a part of it", `/${secret.slice(1)}/openai/v1/chat/completions`],
    ["one too long", `/${secret}0/openai/v1/chat/completions`],
    ["the address of a proxy's client", `http://127.0.0.1:9/${secret}/openai/v1/chat/completions`],
    ["nothing", ""],
  ])("is refused that comes by %s", (_, url) => {
    expect(judge(url)).toMatchObject({ status: 404 });
  });

  it("passes behind the secret, without it", () => {
    expect(behind("/chat/completions?a=..#..")).toMatchObject({
      asked: { url: "/openai/v1/chat/completions?a=..#.." },
    });
    expect(behind("/files/a..b/...")).toMatchObject({ asked: { url: "/openai/v1/files/a..b/..." } });
  });

  it("finds by what stands among arguments only the way that is told there", () => {
    expect(judge(`/${inArguments(secret)}/codex/responses`)).toMatchObject({ ways: [{ prefix: "/codex" }] });
    expect(judge(`/${secret}/openai/v1/responses`)).not.toMatchObject({
      ways: expect.arrayContaining([expect.objectContaining({ prefix: "/codex" })]),
    });
  });

  it.each([
    ["another site", { origin: "http://evil" }],
    ["a page that hides where it is from", { origin: "null" }],
    ["another port of this machine", { origin: "http://127.0.0.1:8" }],
    ["a name that was pointed to this machine", { host: "evil:9" }],
    ["such a name's page", { host: "evil:9", origin: "http://evil:9" }],
    ["a name that begins as ours", { host: "127.0.0.1.evil:9" }],
  ])("is refused that comes by %s", (_, headers) => {
    expect(behind("/chat/completions", headers)).toMatchObject({ status: 403 });
  });

  it.each([
    ["by the port's other name", { host: "LOCALHOST:9" }],
    ["with the port itself as its origin, as some clients of WebSockets say", { origin: "http://127.0.0.1:9" }],
  ])("passes %s", (_, headers) => {
    expect(behind("/chat/completions", headers)).toMatchObject({ asked: { url: "/openai/v1/chat/completions" } });
  });

  it.each([
    "/../../admin",
    "/%2e%2E/admin",
    "/.%2e/admin",
    "/..\\..\\admin",
    "/x%2f..%2fadmin",
    "/x%5C..",
    "/..?a=1",
    "/..#a",
  ])("is refused that climbs from its base by %s", (rest) => {
    expect(behind(rest)).toMatchObject({ status: 400 });
  });
});
