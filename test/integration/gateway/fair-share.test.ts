import type { ClientRequest, IncomingMessage } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { open, post, startTestGateway, type TestGateway } from "#test/integration/gateway/gateway-harness.ts";
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

const MIB = 1024 * 1024;
const chat = "/openai/v1/chat/completions";
const question = { messages: [{ role: "user", content: "hello" }] };

let test: TestPlane;
let upstream: TestUpstream;
let gateway: TestGateway;
/** Tokens of four agents of one tenant, and of one of another. */
let greedy: string[];
let modest = "";
const clock = manualClock();
const cleanups: Array<() => void> = [];

const tenantWith = async (names: readonly string[]): Promise<{ namespace: string; tokens: string[] }> => {
  const namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  await createModel(test.admin, namespace, "open", { endpoint: `${upstream.url}/v1` });
  await createMission(test.admin, { namespace, name: "fix" });
  const tokens = names.map(async (name) => {
    const { pod } = await createAgent(test.admin, { namespace, name }, { mission: "fix", model: "open" });
    return tokenFor(test.admin, { namespace }, "enchanted-collector", pod);
  });
  return { namespace, tokens: await Promise.all(tokens) };
};

const answersAtOnce = (): void => upstream.respond((_, response) => response.writeHead(200).end("{}"));
const statusFor = async (token: string): Promise<number> => (await post(gateway, chat, token, question)).status;

beforeAll(async () => {
  test = await startSwarmPlane();
  upstream = await startTestUpstream(test.dir);
  const tenant = await tenantWith(["one", "two", "three", "four"]);
  greedy = tenant.tokens;
  [modest = ""] = (await tenantWith(["other"])).tokens;
  // The limits of a body as in a cluster; time is the test's, but for what waits for the cluster.
  const time = { ...systemClock(), after: clock.after };
  const limits = { maxBodyBytes: 32 * MIB, roomBytes: 64 * MIB, clock: time };
  gateway = await startTestGateway(test, tenant.namespace, upstream, limits);
  answersAtOnce();
  for (const token of [...greedy, modest])
    await eventually("the caches know it", async () => (await statusFor(token)) === 200);
}, 600_000);

afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
  await test?.stop();
}, 60_000);

afterEach(async () => {
  for (const clean of cleanups.splice(0)) clean();
  answersAtOnce();
  for (const token of [...greedy, modest])
    await eventually("the room is free again", async () => (await statusFor(token)) === 200);
  gateway.kept.frames.length = 0;
}, 30_000);

type Refused = { status: number | undefined; retry: string | undefined; type: string; message: string };

const refusalOf = async (answer: Promise<IncomingMessage>): Promise<Refused> => {
  const response = await answer;
  const text = Buffer.concat((await response.toArray()) as Buffer[]).toString();
  const { error } = JSON.parse(text) as { error: { type: string; message: string } };
  return { status: response.statusCode, retry: response.headers["retry-after"], ...error };
};

/** A call whose body goes on until the test ends it. */
const trickle = (token: string): { sent: ClientRequest; answer: Promise<IncomingMessage> } => {
  const call = open(gateway, chat, token);
  call.answer.catch(() => undefined);
  cleanups.push(() => call.sent.destroy());
  call.sent.write('{"messages":[{"role":"user","content":"');
  return call;
};

describe("pods that trickle their bodies", () => {
  it("do not keep another tenant's call, nor another agent's of their own, from being served", async () => {
    const [quiet = "", ...trickling] = greedy;
    for (const token of trickling) for (let i = 0; i < 4; i += 1) trickle(token);
    for (const token of trickling)
      await eventually("its calls are under way", async () => (await statusFor(token)) !== 200);
    for (const token of [modest, quiet]) expect(await statusFor(token)).toBe(200);
  }, 30_000);

  it("are refused when no more of them comes, and are no calls of a model", async () => {
    const { answer } = trickle(greedy[0] ?? "");
    await eventually("it is being read", () => clock.pending() === 2);
    await clock.advance(20_000);
    expect(await refusalOf(answer)).toMatchObject({
      status: 408,
      type: "body_too_slow",
      message: "no more of the body arrived for 20000 ms",
    });
    expect(gateway.kept.frames).toEqual([]);
  });
});

describe("a tenant that fills its share", () => {
  const bodyOf = (bytes: number): string =>
    JSON.stringify({ messages: [{ role: "user", content: "x".repeat(bytes) }] });

  it("hears so in the middle of its body, with a time to come back, and another is served", async () => {
    const [one = "", two = ""] = greedy;
    const large = "x".repeat(15 * MIB);
    // A call of before may count a moment longer than its answer takes, and this one is refused beside it.
    let isHeld = false;
    const hold = async (): Promise<void> => {
      const { sent, answer } = trickle(one);
      const over = (): unknown => (isHeld = false);
      isHeld = true;
      void answer.then(over, over);
      await new Promise((resolve) => sent.write(large, resolve));
    };
    const refused = async (token: string, bytes: number): Promise<Refused> => {
      const call = open(gateway, chat, token);
      call.sent.end(bodyOf(bytes));
      return refusalOf(call.answer);
    };
    await eventually("the share of the agent is used up", async () => {
      if (!isHeld) await hold();
      const { status, type, retry } = await refused(one, 2 * MIB);
      return status === 429 && type === "agent_room_full" && retry === "2";
    });
    expect(await refused(two, 12 * MIB)).toMatchObject({
      status: 429,
      type: "namespace_room_full",
      retry: "5",
      message: expect.stringContaining("namespace"),
    });
    expect((await post(gateway, chat, two, bodyOf(4 * MIB))).status).toBe(200);
    expect((await post(gateway, chat, modest, bodyOf(8 * MIB))).status).toBe(200);
  }, 30_000);
});

describe("a client that stops reading", () => {
  it("is cut and named, its provider is let go, and its room is free", async () => {
    const [token = ""] = greedy;
    let gone = 0;
    upstream.respond((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      // More than sockets hold.
      response.write(`data: ${"x".repeat(14 * MIB)}\n\n`);
      response.write(`data: {"choices":[]}\n\n`);
      response.once("close", () => (gone += 1));
    });
    const call = open(gateway, chat, token);
    call.sent.end(JSON.stringify({ ...question, stream: true }));
    const answer = await call.answer;
    const cut = new Promise((resolve) => answer.once("error", resolve));
    await eventually("it is told", async () => {
      await clock.advance(5_000);
      return gateway.kept.frames.length === 1;
    });
    expect(gateway.kept.frames[0]?.payload).toMatchObject({
      status: 200,
      error: "the client stopped reading the answer: nothing more was taken for 60000 ms",
    });
    expect(gone).toBe(1);
    answer.resume();
    await cut;
  }, 30_000);
});
