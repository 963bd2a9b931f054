import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { agents, missions, type Agent, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import { begin, post, startTestGateway, type TestGateway } from "#test/integration/gateway/gateway-harness.ts";
import { startTestUpstream, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";
import {
  createAccount,
  createAgent,
  createMission,
  createModel,
  createPod,
  createSecret,
  setAgentStatus,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";

const audience = "enchanted-collector";
const chat = "/openai/v1/chat/completions";
const question = { model: "whatever-the-agent-says", messages: [{ role: "user", content: "hello" }] };

let test: TestPlane;
let upstream: TestUpstream;
let gateway: TestGateway;
let namespace = "";
let mission: Mission;
let agent: Agent;
let pod: Pod;
let token = "";

beforeAll(async () => {
  test = await startSwarmPlane();
  upstream = await startTestUpstream(test.dir);
  namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  await createSecret(
    test.admin,
    { namespace, name: "key" },
    { use: "model", hosts: new URL(upstream.url).host },
    { apiKey: "sk-secret" },
  );
  const apiKeySecretRef = { name: "key", key: "apiKey" };
  await createModel(test.admin, namespace, "gpt", {
    endpoint: `${upstream.url}/v1`,
    model: "gpt-real",
    apiKeySecretRef,
  });
  await createModel(test.admin, namespace, "claude", {
    endpoint: `${upstream.url}/v1`,
    model: "claude-real",
    provider: "Anthropic",
    apiKeySecretRef,
  });
  mission = await createMission(test.admin, { namespace, name: "fix" });
  ({ agent, pod } = await createAgent(test.admin, { namespace, name: "fix-coder" }, { mission: "fix", model: "gpt" }));
  token = await tokenFor(test.admin, { namespace }, audience, pod);
  gateway = await startTestGateway(test, namespace, upstream, { idleMs: 1_500, answerWithinMs: 1_500 });
}, 600_000);

afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
  await test?.stop();
}, 60_000);

beforeEach(() => {
  upstream.asked.length = 0;
  gateway.kept.frames.length = 0;
  gateway.kept.hold = undefined;
});

const answerJson = (body: unknown, status = 200, headers: Record<string, string> = {}): void =>
  upstream.respond((_, response) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body)),
  );

describe("a model call", () => {
  it("goes out with the Model's name and key and nothing of the agent's, and is recorded whole", async () => {
    const answer = {
      choices: [{ message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 9, completion_tokens: 3 },
    };
    answerJson(answer, 200, { "set-cookie": "a=b", "x-request-id": "r1" });
    const got = await post(gateway, chat, token, question);
    expect(got).toMatchObject({ status: 200, body: JSON.stringify(answer) });
    expect(got.headers).toMatchObject({ "x-request-id": "r1" });
    expect(got.headers).not.toHaveProperty("set-cookie");

    const [asked] = upstream.asked;
    expect(asked).toMatchObject({ path: "/v1/chat/completions", headers: { authorization: "Bearer sk-secret" } });
    expect(JSON.parse(asked?.body ?? "")).toEqual({ ...question, model: "gpt-real" });
    expect(JSON.stringify(asked)).not.toContain(token);

    const [frame] = gateway.kept.frames;
    const hash = createHash("sha256").update('{"content":"hello","role":"user"}').digest("hex");
    expect(frame).toMatchObject({
      eventType: "MODEL_CALL",
      payload: {
        provider: "OpenAICompatible",
        model: "gpt-real",
        context_window: [hash],
        input_tokens: 9,
        output_tokens: 3,
        stop_reason: "stop",
        status: 200,
      },
      subject: {
        mission_uid: mission.metadata.uid,
        mission: "fix",
        namespace,
        about: { agent_uid: agent.metadata.uid, epoch: 1 },
      },
      trace: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" },
    });
    expect(frame?.payload["error"]).toBeUndefined();
    const { blobs } = gateway.kept;
    expect(blobs.get(`${namespace}/${String(frame?.payload["request_blob"])}`)?.toString()).toBe(asked?.body);
    expect(blobs.get(`${namespace}/${String(frame?.payload["response_blob"])}`)?.toString()).toBe(
      JSON.stringify(answer),
    );
  });

  it("streams each event as it comes, keeps the last until the frame is written, and hides the count it asked for", async () => {
    const { promise: frameMayBeWritten, resolve: letFrameBeWritten } = Promise.withResolvers<void>();
    const { promise: firstWasSeen, resolve: seeFirst } = Promise.withResolvers<void>();
    gateway.kept.hold = frameMayBeWritten;
    const first = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
    const rest = [
      'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
      'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n',
      "data: [DONE]\n\n",
    ];
    upstream.respond((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(first);
      void firstWasSeen.then(() => response.end(rest.join("")));
    });
    const answer = await begin(gateway, chat, token, { ...question, stream: true }).answer;
    let text = "";
    let ended = false;
    answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
    answer.on("end", () => (ended = true));
    await eventually("the first event", () => text === first);
    seeFirst();
    await eventually("all but the last event", () => text === first + rest[0]);
    expect(ended).toBe(false);
    letFrameBeWritten();
    await eventually("the end", () => ended);
    expect(text).toBe(first + rest[0] + rest[2]);
    expect(JSON.parse(upstream.asked[0]?.body ?? "")).toMatchObject({ stream_options: { include_usage: true } });
    expect(gateway.kept.frames[0]?.payload).toMatchObject({ input_tokens: 5, output_tokens: 2, stop_reason: "stop" });
  });

  it("leaves a stream whose count the agent asked for itself untouched", async () => {
    const events = 'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\ndata: [DONE]\n\n';
    upstream.respond((_, response) => response.writeHead(200, { "content-type": "text/event-stream" }).end(events));
    const got = await post(gateway, chat, token, {
      ...question,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(got.body).toBe(events);
  });

  it("passes a 429 on as it is, with the time to wait, and records it", async () => {
    answerJson({ error: { message: "slow down", type: "rate_limit" } }, 429, { "retry-after": "7" });
    const got = await post(gateway, chat, token, question);
    expect(got).toMatchObject({ status: 429, headers: { "retry-after": "7" } });
    expect(JSON.parse(got.body)).toMatchObject({ error: { message: "slow down" } });
    expect(gateway.kept.frames[0]?.payload).toMatchObject({ status: 429, error: "slow down" });
  });

  it("whose agent hangs up costs what the provider counts after that", async () => {
    let goOn = (): void => undefined;
    upstream.respond((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
      goOn = () =>
        void response.end(
          'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{"prompt_tokens":90000,"completion_tokens":8000}}\n\n',
        );
    });
    const { answer, abort } = begin(gateway, chat, token, { ...question, stream: true });
    const hungUp = await answer;
    hungUp.on("error", () => undefined);
    abort();
    await eventually("the gateway is without its client", () => hungUp.destroyed);
    goOn();
    await eventually("the frame", () => gateway.kept.frames.length === 1);
    const [frame] = gateway.kept.frames;
    expect(frame?.payload).toMatchObject({ input_tokens: 90_000, output_tokens: 8_000 });
    expect(frame?.payload).not.toHaveProperty("usage_estimated");
    expect(frame?.payload["error"]).toContain("client went away");
  });

  it("whose tokens the provider never counts costs an estimate, and its frame says so", async () => {
    answerJson({ choices: [{ message: { content: "x".repeat(1_000) }, finish_reason: "stop" }] });
    await post(gateway, chat, token, question);
    expect(gateway.kept.frames[0]?.payload).toMatchObject({
      input_tokens: expect.any(Number),
      output_tokens: 500,
      usage_estimated: true,
    });
  });

  it("ends at the provider when the agent goes away, and is recorded all the same", async () => {
    let closed = false;
    upstream.respond((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"choices":[{"delta":{"content":"a"}}]}\n\n');
      response.on("close", () => (closed = true));
    });
    const { answer, abort } = begin(gateway, chat, token, { ...question, stream: true });
    (await answer).on("error", () => undefined);
    abort();
    await eventually("the provider's connection closes", () => closed);
    await eventually("the frame", () => gateway.kept.frames.length === 1);
    expect(gateway.kept.frames[0]?.payload).toMatchObject({
      error: expect.stringContaining("client went away"),
      usage_estimated: true,
    });
  });

  it("that the provider does not answer in time is a 504 and a frame", async () => {
    upstream.respond(() => undefined);
    const got = await post(gateway, chat, token, question);
    expect(got.status).toBe(504);
    expect(gateway.kept.frames[0]?.payload).toMatchObject({
      status: 0,
      error: expect.stringContaining("no answer within"),
    });
  });

  it("whose answer falls silent or breaks off looks broken to the agent", async () => {
    upstream.respond((_, response) =>
      response.writeHead(200, { "content-type": "text/event-stream" }).write("data: {}\n\n"),
    );
    await expect(post(gateway, chat, token, { ...question, stream: true })).rejects.toThrow(/aborted/);
    expect(gateway.kept.frames[0]?.payload).toMatchObject({ error: expect.stringContaining("was silent") });
    upstream.respond((_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write("{", () => response.destroy());
    });
    await expect(post(gateway, chat, token, question)).rejects.toThrow(/aborted/);
  });

  it("follows no redirect, so a key goes nowhere else", async () => {
    upstream.respond((_, response) => response.writeHead(302, { location: "https://evil.invalid/" }).end());
    const got = await post(gateway, chat, token, question);
    expect(got.status).toBe(502);
    expect(got.body).toContain("provider_redirects");
  });
});

describe("a model call is refused", () => {
  const refusalOf = async (path: string, bearer: string | undefined, body: unknown = question) => {
    const got = await post(gateway, path, bearer, body);
    const { error } = JSON.parse(got.body) as { error: { type: string; message: string } };
    return { status: got.status, retry: got.headers["retry-after"], ...error };
  };

  it("without a token, with a stranger's, and with one of another audience", async () => {
    expect(await refusalOf(chat, undefined)).toMatchObject({ status: 401, type: "unauthenticated" });
    expect(await refusalOf(chat, "nonsense")).toMatchObject({ status: 401 });
    const other = await tokenFor(test.admin, { namespace }, "enchanted-fetch", pod);
    expect(await refusalOf(chat, other)).toMatchObject({ status: 401 });
    const podless = await tokenFor(test.admin, { namespace }, audience);
    expect(await refusalOf(chat, podless)).toMatchObject({ status: 403, type: "not_a_pod" });
    const stranger = await createPod(test.admin, namespace, "stranger-1");
    const strangers = await tokenFor(test.admin, { namespace }, audience, stranger);
    expect(await refusalOf("/openai/v1/files", strangers)).toMatchObject({ status: 404, type: "no_such_route" });
    expect(upstream.asked).toEqual([]);
  });

  it("on another provider's route, on other routes, and with a body that is no object or too large", async () => {
    expect(await refusalOf("/anthropic/v1/messages", token)).toMatchObject({ status: 400, type: "wrong_provider" });
    expect(await refusalOf("/openai/v1/../../admin", token)).toMatchObject({ status: 404 });
    expect(await refusalOf(chat, token, "[1]")).toMatchObject({ status: 400, type: "invalid_body" });
    expect(await refusalOf(chat, token, "x".repeat(1024 * 1024 + 1))).toMatchObject({ status: 413 });
    expect(upstream.asked).toEqual([]);
  });

  it("beyond the few that one agent may have under way", async () => {
    const held: Array<() => void> = [];
    upstream.respond((_, response) => held.push(() => response.writeHead(200).end("{}")));
    const first = Array.from({ length: 4 }, () => post(gateway, chat, token, question));
    await eventually("four are under way", () => held.length === 4);
    expect(await refusalOf(chat, token)).toMatchObject({ status: 429, type: "too_many_calls", retry: "2" });
    for (const answer of held) answer();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    answerJson({});
    expect((await post(gateway, chat, token, question)).status).toBe(200);
  });

  it("from an attempt that is over, the moment the next one is written down", async () => {
    const made = await createAgent(test.admin, { namespace, name: "retried" }, { mission: "fix", model: "gpt" });
    const old = await tokenFor(test.admin, { namespace }, audience, made.pod);
    answerJson({});
    await eventually(
      "the first attempt may call",
      async () => (await post(gateway, chat, old, question)).status === 200,
    );
    const next = await createPod(test.admin, namespace, "retried-2");
    await setAgentStatus(test.admin, made.agent, {
      attempt: 2,
      podName: next.metadata.name,
      podUID: next.metadata.uid,
      history: [{ attempt: 1, podUID: made.pod.metadata.uid, reason: "AttemptFailed" }],
    });
    await eventually(
      "the first attempt is stale",
      async () => (await post(gateway, chat, old, question)).status === 403,
    );
    expect(await refusalOf(chat, old)).toMatchObject({
      type: "stale_attempt",
      message: expect.stringContaining("attempt 1"),
    });
    const fresh = await tokenFor(test.admin, { namespace }, audience, next);
    expect((await post(gateway, chat, fresh, question)).status).toBe(200);
  });

  it("while the agent or its mission is suspended, with a time to come back", async () => {
    await createMission(test.admin, { namespace, name: "paused" }, { suspend: true });
    const made = await createAgent(
      test.admin,
      { namespace, name: "paused-coder" },
      { mission: "paused", model: "gpt" },
    );
    const bearer = await tokenFor(test.admin, { namespace }, audience, made.pod);
    await eventually("the caches know it", async () => (await refusalOf(chat, bearer)).type === "suspended");
    expect(await refusalOf(chat, bearer)).toMatchObject({
      status: 429,
      retry: "30",
      message: expect.stringContaining("paused"),
    });
  });

  it("while a person has paused its mission, who and why", async () => {
    const { metadata } = await createMission(test.admin, { namespace, name: "stopped" });
    const made = await createAgent(
      test.admin,
      { namespace, name: "stopped-coder" },
      { mission: "stopped", model: "gpt" },
    );
    const bearer = await tokenFor(test.admin, { namespace }, audience, made.pod);
    const at = "2026-12-01T00:00:00Z";
    const lastIntervention = { uid: "u", name: "stop", kind: "Pause", by: "ann", at, text: "Too dear." };
    await test.admin.patchStatus(missions, { ...metadata }, { lastIntervention });
    await eventually("the caches know it", async () => (await refusalOf(chat, bearer)).type === "suspended");
    expect(await refusalOf(chat, bearer)).toMatchObject({
      status: 429,
      retry: "30",
      message: 'Mission "stopped" is paused by ann: Too dear.',
    });
  });

  it("beyond the budget of its mission, before the provider is asked, and prices what was asked", async () => {
    const pricing = { inputPerMTok: "3", outputPerMTok: "15" };
    await createModel(test.admin, namespace, "priced", { endpoint: `${upstream.url}/v1`, model: "gpt-real", pricing });
    await createMission(test.admin, { namespace, name: "thrifty" }, { budget: { maxCostUSD: "0.0001" } });
    const made = await createAgent(
      test.admin,
      { namespace, name: "thrifty-coder" },
      { mission: "thrifty", model: "priced" },
    );
    const bearer = await tokenFor(test.admin, { namespace }, audience, made.pod);
    answerJson({ choices: [{ finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 3 } });
    await eventually("the caches know it", async () => (await post(gateway, chat, bearer, question)).status === 200);
    expect(gateway.kept.frames.at(-1)?.payload).toMatchObject({ cost_nano_usd: 9 * 3_000 + 3 * 15_000 });
    expect((await post(gateway, chat, bearer, question)).status).toBe(200);
    const asked = upstream.asked.length;
    expect(await refusalOf(chat, bearer)).toMatchObject({
      status: 429,
      type: "budget_exceeded",
      retry: "30",
      message: expect.stringContaining("Its models cost 0.000144 dollars, and spec.budget.maxCostUSD allows 0.0001."),
    });
    expect(upstream.asked).toHaveLength(asked);
  });

  it("of a Model without prices where its mission bounds money", async () => {
    await createMission(test.admin, { namespace, name: "unpriced" }, { budget: { maxCostUSD: "5" } });
    const made = await createAgent(
      test.admin,
      { namespace, name: "unpriced-coder" },
      { mission: "unpriced", model: "gpt" },
    );
    const bearer = await tokenFor(test.admin, { namespace }, audience, made.pod);
    await eventually("the caches know it", async () => (await refusalOf(chat, bearer)).type === "model_not_priced");
    expect(await refusalOf(chat, bearer)).toMatchObject({ status: 429, message: expect.stringContaining('"gpt"') });
    expect(upstream.asked).toEqual([]);
  });

  it("when its agent is being deleted", async () => {
    const made = await createAgent(test.admin, { namespace, name: "dying" }, { mission: "fix", model: "gpt" });
    const bearer = await tokenFor(test.admin, { namespace }, audience, made.pod);
    const ref = { namespace, name: "dying" };
    const current = await test.admin.get(agents, ref);
    const { uid, resourceVersion } = current.metadata;
    const held = await test.admin.patch(
      agents,
      { ...ref, uid, resourceVersion },
      {
        metadata: { finalizers: ["swarm.enchanted.dev/observe"] },
      },
    );
    await test.admin.delete(agents, { ...ref, uid: held.metadata.uid });
    await eventually("the deletion is seen", async () => (await refusalOf(chat, bearer)).type === "agent_deleted");
  });

  it("when the Model's Secret is not meant for the Model's host", async () => {
    await createSecret(
      test.admin,
      { namespace, name: "elsewhere" },
      { use: "model", hosts: "api.example" },
      { apiKey: "k" },
    );
    await createModel(test.admin, namespace, "leaky", {
      endpoint: `${upstream.url}/v1`,
      apiKeySecretRef: { name: "elsewhere", key: "apiKey" },
    });
    const made = await createAgent(test.admin, { namespace, name: "leaky-coder" }, { mission: "fix", model: "leaky" });
    const bearer = await tokenFor(test.admin, { namespace }, audience, made.pod);
    await eventually("the caches know it", async () => (await refusalOf(chat, bearer)).type === "model_key_unusable");
    expect(await refusalOf(chat, bearer)).toMatchObject({
      status: 503,
      message: expect.stringContaining("does not list"),
    });
    expect(upstream.asked).toEqual([]);
  });
});

describe("the Anthropic route", () => {
  it("sends the key as x-api-key and counts cached input", async () => {
    const made = await createAgent(
      test.admin,
      { namespace, name: "claude-coder" },
      { mission: "fix", model: "claude" },
    );
    const bearer = await tokenFor(test.admin, { namespace }, audience, made.pod);
    answerJson({ stop_reason: "end_turn", usage: { input_tokens: 2, cache_read_input_tokens: 40, output_tokens: 1 } });
    await eventually("the caches know it", async () => {
      upstream.asked.length = 0;
      gateway.kept.frames.length = 0;
      return (await post(gateway, "/anthropic/v1/messages", bearer, { ...question, max_tokens: 5 })).status === 200;
    });
    expect(upstream.asked[0]).toMatchObject({
      path: "/v1/messages",
      headers: { "x-api-key": "sk-secret", "anthropic-version": "2023-06-01" },
    });
    expect(gateway.kept.frames[0]?.payload).toMatchObject({
      input_tokens: 42,
      output_tokens: 1,
      stop_reason: "end_turn",
    });
  });
});

describe("the mission", () => {
  it("that was deleted ends its agents' calls", async () => {
    const made = await createMission(test.admin, { namespace, name: "gone" });
    const worker = await createAgent(test.admin, { namespace, name: "gone-coder" }, { mission: "gone", model: "gpt" });
    const bearer = await tokenFor(test.admin, { namespace }, audience, worker.pod);
    answerJson({});
    await eventually("it may call", async () => (await post(gateway, chat, bearer, question)).status === 200);
    await test.admin.delete(missions, { namespace, name: "gone", uid: made.metadata.uid });
    await eventually("it may not", async () => (await post(gateway, chat, bearer, question)).status === 403);
  });
});
