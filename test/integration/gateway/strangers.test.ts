import { connect } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { post, startTestGateway, type TestGateway } from "#test/integration/gateway/gateway-harness.ts";
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
const question = { messages: [{ role: "user", content: "hello" }] };

let test: TestPlane;
let upstream: TestUpstream;
let gateway: TestGateway;
let token = "";
const clock = manualClock();
const idle: TLSSocket[] = [];

beforeAll(async () => {
  test = await startSwarmPlane();
  upstream = await startTestUpstream(test.dir);
  upstream.respond((_, response) => response.writeHead(200).end("{}"));
  const namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  await createModel(test.admin, namespace, "open", { endpoint: `${upstream.url}/v1` });
  await createMission(test.admin, { namespace, name: "fix" });
  const { pod } = await createAgent(test.admin, { namespace, name: "one" }, { mission: "fix", model: "open" });
  token = await tokenFor(test.admin, { namespace }, "enchanted-collector", pod);
  gateway = await startTestGateway(test, namespace, upstream, { clock: { ...systemClock(), after: clock.after } });
  await eventually("it is known", async () => (await post(gateway, chat, token, question)).status === 200);
}, 600_000);

afterAll(async () => {
  for (const socket of idle) socket.destroy();
  await gateway?.stop();
  await upstream?.stop();
  await test?.stop();
}, 60_000);

/** A connection that is through its handshake, or was cut before. */
const open = (localAddress: string): Promise<TLSSocket> =>
  new Promise((resolve) => {
    const plain = connect({ host: "127.0.0.1", port: gateway.port, localAddress });
    const socket = connectTls({ socket: plain, ca: gateway.caPem, servername: "enchanted-gateway" });
    idle.push(socket);
    // Who does not read does not hear that he is cut.
    socket.resume();
    socket.once("secureConnect", () => resolve(socket)).on("error", () => undefined);
    socket.once("close", () => resolve(socket));
  });

describe("connections that show no token", () => {
  it("are some of the gateway's and no more, and are cut in time, while an agent of another address is served", async () => {
    // As many as a quarter of the gateway's connections, and then some.
    for (let round = 0; round < 12; round += 1) await Promise.all(Array.from({ length: 100 }, () => open("127.0.0.2")));
    const alive = (): number => idle.filter(({ destroyed }) => !destroyed).length;
    await eventually("those beyond a quarter are cut", async () => alive() <= 1_024);
    expect((await post(gateway, chat, token, question)).status).toBe(200);
    await clock.advance(30_000);
    await eventually("nobody of them is left", async () => alive() === 0);
    expect((await post(gateway, chat, token, question)).status).toBe(200);
    expect(await gateway.counted()).toMatch(/enchanted_connections_cut_total\{reason="stranger"\} [1-9]/);
  }, 120_000);
});
