import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import type { ModelOperation } from "#nervous-system/schemas/resources/model.ts";
import { aModel } from "#test/builders/model.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { refuseReachingBody, refuseReachingHeaders } from "./judge-reach.ts";

type Operation = "chat/completions" | "completions" | "responses" | "embeddings" | "messages" | "messages/count_tokens";

const routeOf = (operation: Operation) =>
  ({ provider: operation.startsWith("messages") ? "Anthropic" : "OpenAICompatible", operation }) as const;

const judge = (operation: Operation, body: object, allow: ModelOperation[] = []) =>
  refuseReachingBody(body as Record<string, unknown>, routeOf(operation), aModel({ spec: { allow } }));

type Asked = { readonly of: string; readonly operation: Operation; readonly body: object };
type Reaching = Asked & { readonly needs: ModelOperation; readonly at: string };

const read = <T>(file: string): T[] =>
  readFileSync(`test/golden/reach/${file}`, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
/** One request for each way of reaching further, with the operation that allows it and the member that is told. */
const reaching = read<Reaching>("refused.jsonl");
/** Requests as agents write them: cortex, codex, Claude Code and others. */
const honest = read<Asked>("passing.jsonl");
const user = (content: unknown): object => ({ messages: [{ role: "user", content }] });
const allowable: readonly ModelOperation[] = [
  "RemoteContent",
  "StoredFiles",
  "HostedTools",
  "McpServers",
  "StoredState",
  "PremiumTiers",
  "BetaFeatures",
];

describe("a request that makes its provider do more than answer", () => {
  it.each(reaching)("is refused, and told what would allow it: $of", ({ operation, body, needs, at }) => {
    const told = judge(operation, body);
    expect(told).toMatchObject({ refusal: { status: 403, type: "operation_not_allowed" } });
    const message = told?.kind === "refused" ? told.refusal.message : "";
    expect(message.startsWith(`${at} `)).toBe(true);
    expect(message).toContain(`add ${needs} to spec.allow of the Model`);
    expect(message).toContain('Model "scripted"');
  });

  it.each(reaching)("passes where that is allowed, and by nothing else: $of", ({ operation, body, needs }) => {
    expect(judge(operation, body, [needs])).toBeUndefined();
    const others = allowable.filter((one) => one !== needs);
    expect(judge(operation, body, others)).toBeDefined();
  });

  it("tells no more of the request than its path, shortened", () => {
    const told = judge("chat/completions", { [`${"x".repeat(10_000)}\n`]: 1 });
    expect(told?.kind === "refused" && told.refusal.message.length).toBeLessThan(400);
  });
});

describe("an agent's own request", () => {
  it.each(honest)("passes as it is: $of", ({ operation, body }) => {
    expect(judge(operation, body)).toBeUndefined();
  });

  it.each(honest.filter(({ body }) => JSON.stringify(body).includes("data:image")))(
    "does not pass once its image stands elsewhere: $of",
    ({ operation, body }) => {
      const elsewhere = JSON.stringify(body).replace(/data:image[^"]*/, "https://evil.example/");
      expect(judge(operation, JSON.parse(elsewhere) as object)).toMatchObject({
        refusal: { message: expect.stringMatching(/image_url.* has the provider fetch .*add RemoteContent/) },
      });
    },
  );

  it("passes with beta headers of the model's own, and with no other unless that is allowed", () => {
    const known =
      "claude-code-20250219,interleaved-thinking-2025-05-14,per-turn-control-2026-07-01, context-management-2025-06-27,effort-2025-11-24";
    const ask = (headers: object, allow: ModelOperation[] = []) =>
      refuseReachingHeaders({ ...headers }, aModel({ spec: { allow } }));
    for (const headers of [{}, { "anthropic-beta": known }, { "openai-beta": "responses=experimental" }])
      expect(ask(headers)).toBeUndefined();
    for (const beta of [
      "mcp-client-2025-11-20",
      "files-api-2025-04-14",
      "skills-2025-10-02",
      "web-fetch-2025-09-10",
      "new-2099-01-01",
    ]) {
      const told = ask({ "anthropic-beta": `${known},${beta}` });
      expect(told).toMatchObject({ refusal: { status: 403, message: expect.stringContaining(`"${beta}"`) } });
      expect(told).toMatchObject({ refusal: { message: expect.stringMatching(/^anthropic-beta .*add BetaFeatures/) } });
      expect(ask({ "anthropic-beta": beta }, ["BetaFeatures"])).toBeUndefined();
    }
    expect(ask({ "openai-beta": "assistants=v2" })).toBeDefined();
  });
});

describe("the walk through a request", () => {
  it("ends in a verdict, whatever the request is", () => {
    const routes: Operation[] = ["chat/completions", "completions", "responses", "embeddings", "messages"];
    const names = ["messages", "input", "tools", "system", "metadata", "response_format"];
    fc.assert(
      fc.property(fc.constantFrom(...routes), fc.constantFrom(...names), fc.jsonValue(), (operation, name, value) => {
        const verdict = judge(operation, { [name]: value });
        if (verdict !== undefined) expect(verdict).toMatchObject({ refusal: { type: "operation_not_allowed" } });
        expect(judge(operation, { [name]: value }, [...allowable, "OtherMembers"])).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });

  it("refuses what is nested deeper than anybody nests", () => {
    let content: unknown = "x";
    for (let depth = 0; depth < 50_000; depth += 1) content = [{ type: "tool_result", tool_use_id: "1", content }];
    expect(judge("messages", user(content))).toMatchObject({ refusal: { type: "operation_not_allowed" } });
    let tool: object = { type: "function" };
    for (let depth = 0; depth < 50_000; depth += 1) tool = { type: "namespace", tools: [tool] };
    expect(judge("responses", { tools: [tool] })).toMatchObject({ refusal: { type: "operation_not_allowed" } });
    let schema: object = {};
    for (let depth = 0; depth < 50_000; depth += 1) schema = { items: schema };
    expect(judge("responses", { tools: [{ type: "function", parameters: schema }] })).toBeUndefined();
  });

  it("takes time by the size of the request", () => {
    const parts = (n: number) => [
      ...Array.from({ length: n }, (_, at) => ({
        type: "text",
        text: `part ${at}`,
        cache_control: { type: "ephemeral" },
      })),
      { type: "image_url", image_url: { url: "A".repeat(n * 100) } },
    ];
    const make = (n: number) => {
      const body = {
        ...user(parts(n)),
        tools: Array.from({ length: n }, () => ({ type: "function", function: { parameters: { a: [1] } } })),
      };
      return () => judge("chat/completions", body);
    };
    expect(growthOf(5_000, make)).toBeLessThan(mostGrowth);
  });
});
