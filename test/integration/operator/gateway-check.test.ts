import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { GatewayCheck } from "#operator/gateway/check.ts";
import { createHttpsGatewayCheck } from "#operator/gateway/https-check.ts";
import { startTestUpstream, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";

jest.setTimeout(120_000);

let dir = "";
let gateway: TestUpstream;
let check: GatewayCheck;
let tokenFile = "";
const question = { kind: "Model", namespace: "team-a", name: "scripted" } as const;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "enchanted-check-"));
  gateway = await startTestUpstream(dir);
  tokenFile = join(dir, "token");
  await writeFile(tokenFile, "first\n");
  const caPem = await readFile(gateway.caFile, "utf8");
  check = createHttpsGatewayCheck({ url: gateway.url, caPem, tokenFile, timeoutMs: 2_000 });
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe("the gateway's check over HTTPS", () => {
  it("asks as the contract says, with the token as it is now", async () => {
    gateway.respond((_, response) => response.end(JSON.stringify({ ok: true, reason: "ProbeSucceeded", message: "" })));
    expect(await check(question)).toEqual({ kind: "answered", ok: true, reason: "ProbeSucceeded", message: "" });
    await writeFile(tokenFile, "second\n");
    await check(question);
    expect(gateway.asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer first", "Bearer second"]);
    expect(gateway.asked[0]).toMatchObject({ method: "POST", path: "/internal/v1/check" });
    expect(JSON.parse(gateway.asked[0]?.body ?? "")).toEqual(question);
  });

  const failures: ReadonlyArray<[string, number, string]> = [
    ["an error", 500, "boom"],
    ["a refusal", 403, "not you"],
    ["something that is no JSON", 200, "<html>"],
    ["a reason that could be no condition's", 200, JSON.stringify({ ok: false, reason: "not a word", message: "" })],
    ["an answer without end", 200, "x".repeat(200_000)],
  ];
  it.each(failures)("takes %s for not knowing", async (_, status, body) => {
    gateway.respond((__, response) => response.writeHead(status).end(body));
    expect((await check(question)).kind).toBe("unavailable");
  });

  it("gives up on a gateway that is silent", async () => {
    gateway.respond(() => undefined);
    expect((await check(question)).kind).toBe("unavailable");
  });

  it("believes nobody but the chart's CA", async () => {
    gateway.respond((_, response) => response.end(JSON.stringify({ ok: true, reason: "ProbeSucceeded", message: "" })));
    const other = await startTestUpstream(await mkdtemp(join(dir, "other-")));
    const caPem = await readFile(other.caFile, "utf8");
    const stranger = createHttpsGatewayCheck({ url: gateway.url, caPem, tokenFile, timeoutMs: 2_000 });
    expect((await stranger(question)).kind).toBe("unavailable");
    await other.stop();
  });
});
