import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import * as z from "zod";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createAsk, type Ask } from "./ask.ts";
import { createModel } from "./provider.ts";

type Seen = { path: string; key: string | undefined; body: Record<string, unknown> };

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Answers each request with the next of `answers`, as the Messages API does. */
const serve = async (
  answers: ReadonlyArray<{ status: number; body: object; headers?: Record<string, string> }>,
): Promise<{ url: string; seen: Seen[] }> => {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const key = request.headers["x-api-key"];
      seen.push({ path: request.url ?? "", key: String(key), body: JSON.parse(text) as Record<string, unknown> });
      const answer = answers[seen.length - 1];
      response
        .writeHead(answer?.status ?? 500, { "content-type": "application/json", ...answer?.headers })
        .end(JSON.stringify(answer?.body ?? {}));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/anthropic/v1`, seen };
};

const askOf = (url: string, waits: number[] = []): Ask =>
  createAsk({
    model: createModel({ provider: "Anthropic", model: "some-model", baseUrl: url, apiKey: "injected-elsewhere" }),
    tools: [
      {
        name: "read_file",
        description: "Reads a file.",
        input: z.object({ path: z.string() }),
      },
    ] as unknown as Parameters<typeof createAsk>[0]["tools"],
    instructions: "You fix bugs.",
    clock: systemClock(),
    random: () => 0,
    callMs: 10_000,
    retryMs: 10_000,
    maxOutputTokens: 1_000,
    signal: new AbortController().signal,
    onRetry: async (_failure, waitMs) => void waits.push(waitMs),
  });

const message = (content: object[], stop: string): object => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "some-model",
  content,
  stop_reason: stop,
  stop_sequence: null,
  usage: { input_tokens: 12, output_tokens: 7 },
});

describe("a model that speaks the Messages API", () => {
  it("is asked with tools and instructions, and its calls and tokens are understood", async () => {
    const content = [
      { type: "text", text: "I look." },
      { type: "tool_use", id: "toolu_1", name: "read_file", input: { path: "a.js" } },
    ];
    const { url, seen } = await serve([{ status: 200, body: message(content, "tool_use") }]);
    const answer = await askOf(url)([{ role: "user", content: "Fix it." }], { traceparent: "00-a-b-01" });
    expect(answer).toMatchObject({
      text: "I look.",
      calls: [{ id: "toolu_1", name: "read_file", input: { path: "a.js" } }],
      inputTokens: 12,
      outputTokens: 7,
    });
    expect(seen[0]).toMatchObject({ path: "/anthropic/v1/messages", key: "injected-elsewhere" });
    expect(seen[0]?.body).toMatchObject({ model: "some-model", max_tokens: 1_000, tools: [{ name: "read_file" }] });
    expect(JSON.stringify(seen[0]?.body["system"])).toContain("You fix bugs.");
  });

  it("gets the tool's answer back as the protocol wants it", async () => {
    const { url, seen } = await serve([{ status: 200, body: message([{ type: "text", text: "Done." }], "end_turn") }]);
    await askOf(url)(
      [
        { role: "user", content: "Fix it." },
        {
          role: "assistant",
          content: [{ type: "tool-call", toolCallId: "toolu_1", toolName: "read_file", input: { path: "a.js" } }],
        },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              toolCallId: "toolu_1",
              toolName: "read_file",
              output: { type: "text", value: "code" },
            },
          ],
        },
      ],
      {},
    );
    const messages = seen[0]?.body["messages"] as Array<{ role: string; content: Array<Record<string, unknown>> }>;
    expect(messages[1]?.content[0]).toMatchObject({ type: "tool_use", id: "toolu_1", input: { path: "a.js" } });
    expect(messages[2]).toMatchObject({ role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1" }] });
  });

  it("is asked again when it is overloaded, and given up when the key is refused", async () => {
    const busy = { status: 529, body: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } } };
    const { url, seen } = await serve([
      busy,
      { status: 200, body: message([{ type: "text", text: "Now." }], "end_turn") },
    ]);
    await expect(askOf(url)([{ role: "user", content: "Hello." }], {})).resolves.toMatchObject({ text: "Now." });
    expect(seen).toHaveLength(2);

    const refused = {
      status: 401,
      body: { type: "error", error: { type: "authentication_error", message: "invalid x-api-key" } },
    };
    const closed = await serve([refused]);
    await expect(askOf(closed.url)([{ role: "user", content: "Hello." }], {})).rejects.toMatchObject({
      failure: { retry: false },
    });
    expect(closed.seen).toHaveLength(1);
  });

  it("that answers with an error under 200 is told in the provider's words", async () => {
    const { url } = await serve([{ status: 200, body: [{ error: { code: 403, message: "not in your country" } }] }]);
    await expect(askOf(url)([{ role: "user", content: "Hello." }], {})).rejects.toMatchObject({
      failure: { reason: "ModelForbidden", message: expect.stringContaining("not in your country") },
    });
  });

  it("is not asked again without a pause, though it says at once", async () => {
    const busy = { status: 429, headers: { "retry-after": "0" }, body: { type: "error", error: { type: "busy" } } };
    const { url } = await serve([busy, { status: 200, body: message([{ type: "text", text: "Now." }], "end_turn") }]);
    const waits: number[] = [];
    await askOf(url, waits)([{ role: "user", content: "Hello." }], {});
    expect(waits).toEqual([250]);
  });
});
