import { once } from "node:events";
import { freePort } from "#platform/process/ports.ts";
import { writeFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import { agents } from "#nervous-system/kubernetes/swarm-kinds.ts";
import {
  connectThrough,
  secureWithin,
  startTestGateway,
  type TestGateway,
} from "#test/integration/gateway/gateway-harness.ts";
import { serverIdentity, startTestUpstream, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";
import {
  createAccount,
  createAgent,
  createMission,
  createModel,
  createPod,
  setAgentStatus,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { startCollectorPeer, type CollectorPeer } from "#test/integration/scribe/collector-peer.ts";
import {
  layOutPod,
  setStage,
  start,
  startPodScribe,
  stopScribe,
  until,
  type Pod as PodVolumes,
  type Running,
  type Stage,
} from "#test/integration/scribe/stage.ts";

let test: TestPlane;
let stage: Stage;
let peer: CollectorPeer;
let gateway: TestGateway;
/** The allowed host: an https server at `localhost`, here in the place of a package registry. */
let registry: TestUpstream;
/** A server at `localhost` that is the mission's repository, and no allowed host. */
let forge: Server;
let forgePort = 0;
let namespace = "";
let pod: Pod;
let volumes: PodVolumes;
let scribe: Running;

const registryHost = (): string => new URL(registry.url).host;
const agentRef = (name: string) => ({ namespace, name });

const listening = async (server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};

const scribeFor = async (of: Pod, name: string, env: Record<string, string> = {}) => {
  const token = await tokenFor(test.admin, { namespace }, "enchanted-collector", of);
  peer.token = token;
  const laidOut = await layOutPod(stage, name, peer.port, {
    ENCHANTED_CA_PEM: `${stage.caPem}\n${gateway.caPem}`,
    ENCHANTED_GATEWAY: `127.0.0.1:${gateway.port}`,
    ENCHANTED_PROXY_PORT: String(await freePort()),
    ...env,
  });
  await writeFile(laidOut.token, token);
  return { volumes: laidOut, scribe: await startPodScribe(stage, laidOut) };
};

beforeAll(async () => {
  test = await startSwarmPlane();
  stage = await setStage();
  peer = await startCollectorPeer(stage.tls);
  registry = await startTestUpstream(test.dir);
  forge = createServer((socket) => socket.pipe(socket));
  forgePort = await listening(forge);
  namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  await createModel(test.admin, namespace, "open", { endpoint: `${registry.url}/v1` });
  const repo = `https://localhost:${forgePort}/team/app.git`;
  await createMission(test.admin, { namespace, name: "fix" }, { workspace: { repo } });
  const spec = { mission: "fix", model: "open", allowHosts: [registryHost()] };
  ({ pod } = await createAgent(test.admin, { namespace, name: "fix-coder" }, spec));
  gateway = await startTestGateway(test, namespace, registry);
  ({ volumes, scribe } = await scribeFor(pod, "pod"));
}, 600_000);

afterAll(async () => {
  if (scribe !== undefined) await stopScribe(scribe);
  await gateway?.stop();
  await registry?.stop();
  forge?.close();
  await peer?.close();
  await stage?.remove();
  await test?.stop();
}, 60_000);

type Asked = { status: number; headers: IncomingMessage["headers"]; socket: Socket; head: Buffer };

/** Asks the scribe's proxy port for a tunnel. */
const ask = (authority: string, port = Number(volumes.env["ENCHANTED_PROXY_PORT"])): Promise<Asked> =>
  new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, method: "CONNECT", path: authority, agent: false });
    asked.once("connect", ({ statusCode = 0, headers }, socket, head) => {
      socket.on("error", () => undefined);
      resolve({ status: statusCode, headers, socket, head });
    });
    asked.once("error", reject);
    asked.end();
  });

const restOf = async ({ socket, head }: Asked): Promise<string> => {
  const chunks = [head];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

/** A refusal as a program in the pod hears it. */
const refusalOf = async (authority: string, port?: number) => {
  const asked = await ask(authority, port);
  const told = JSON.parse(await restOf(asked)) as { error: { type: string; message: string } };
  return { status: asked.status, retryAfter: asked.headers["retry-after"], ...told.error };
};

const changeAgent = async (name: string, spec: object): Promise<void> => {
  const { metadata } = await test.admin.get(agents, agentRef(name));
  const { uid, resourceVersion } = metadata;
  await test.admin.patch(agents, { ...agentRef(name), uid, resourceVersion }, { spec });
};

describe("a program in an agent's pod", () => {
  const wrapped = (script: string, env: Record<string, string> = {}): Running =>
    start(process.execPath, [`${stage.programs}/wrap.js`, "--", "sh", "-c", script], { ...volumes.env, ...env });

  it("reaches the allowed host by the proxy that the wrapper names, and only with the host's own certificate", async () => {
    registry.asked.length = 0;
    registry.respond((_, response) => response.end("a package"));
    // Here the host is `localhost`, which the wrapper keeps beside the proxy.
    const get = `NO_PROXY= no_proxy= curl --silent --show-error --cacert ${registry.caFile} ${registry.url}/left-pad`;
    const running = wrapped(get);
    expect([await running.ended, running.output()]).toEqual([0, "a package"]);
    expect(registry.asked.map(({ path }) => path)).toEqual(["/left-pad"]);
    expect(JSON.stringify(registry.asked)).not.toContain(peer.token);
  });

  it("is told 403 for any other", async () => {
    const running = wrapped(`curl --silent --show-error https://other.example/`);
    expect([await running.ended, running.output()]).toEqual([expect.any(Number), expect.stringContaining("403")]);
  });

  it("still reaches the inputs on loopback, by HTTP and by gRPC, which would take the proxy", async () => {
    const script = `
      const { Client, credentials } = require("@grpc/grpc-js");
      const client = new Client("127.0.0.1:" + process.env.ENCHANTED_SERVICE_PORT, credentials.createInsecure());
      client.waitForReady(Date.now() + 5000, async (error) => {
        const models = await fetch("http://127.0.0.1:" + process.env.ENCHANTED_MODEL_PORT + "/");
        console.log(error ? error.message : "ready", models.status, process.env.https_proxy);
        process.exit();
      });`;
    const running = wrapped(`node -e '${script}'`, {
      NODE_PATH: `${process.cwd()}/node_modules`,
      NODE_USE_ENV_PROXY: "1",
    });
    expect([await running.ended, running.output().trim()]).toEqual([
      0,
      `ready 404 http://127.0.0.1:${volumes.env["ENCHANTED_PROXY_PORT"]}`,
    ]);
  });

  it("gets words for anything but CONNECT", async () => {
    const url = `http://127.0.0.1:${volumes.env["ENCHANTED_PROXY_PORT"]}`;
    for (const method of ["GET", "POST"]) {
      const response = await fetch(`${url}/http://other.example/`, { method });
      expect([response.status, response.headers.get("allow")]).toEqual([405, "CONNECT"]);
      expect(await response.json()).toMatchObject({
        error: { type: "only_connect", message: expect.stringContaining("https") },
      });
    }
  });
});

describe("the proxy port", () => {
  it("goes nowhere else: another port or name, an address, the repository, the API server; and says what is allowed", async () => {
    const { port } = new URL(registry.url);
    for (const target of [
      `localhost:${forgePort}`,
      `127.0.0.1:${port}`,
      `[::1]:${port}`,
      `vm:${port}`,
      "localhost:443",
      new URL(test.plane.url).host,
      "169.254.169.254:80",
    ]) {
      const refusal = await refusalOf(target);
      expect({ target, ...refusal }).toMatchObject({ target, status: 403, type: "host_not_allowed" });
      expect(refusal.message).toContain(`may reach ${registryHost()} only, not ${target}`);
      expect(refusal.message).toContain('spec.egress.allowHosts of Mission "fix"');
    }
    expect(await refusalOf("no-port")).toMatchObject({ status: 400, type: "invalid_target" });
  });

  it("goes by the Agent as it is: an edit counts for the next tunnel, a revocation too", async () => {
    const forgeHost = `localhost:${forgePort}`;
    await changeAgent("fix-coder", { egress: { allowHosts: [registryHost(), forgeHost] } });
    const open = await ask(forgeHost);
    expect(open.status).toBe(200);
    open.socket.destroy();
    await changeAgent("fix-coder", { egress: { allowHosts: [registryHost()] } });
    expect(await refusalOf(forgeHost)).toMatchObject({ status: 403 });
  });

  it("is shut while the agent is suspended", async () => {
    await changeAgent("fix-coder", { suspend: true });
    expect(await refusalOf(registryHost())).toMatchObject({ status: 429, type: "suspended", retryAfter: "30" });
    await changeAgent("fix-coder", { suspend: false });
    const again = await ask(registryHost());
    expect(again.status).toBe(200);
    again.socket.destroy();
  });

  it("is shut to a pod whose Agent has gone on to another attempt, and to a pod that nobody knows", async () => {
    const spec = { mission: "fix", model: "open", allowHosts: [registryHost()] };
    const old = await createAgent(test.admin, agentRef("old-coder"), spec);
    const token = await tokenFor(test.admin, { namespace }, "enchanted-collector", old.pod);
    expect((await connectThrough(gateway, registryHost(), `Bearer ${token}`)).status).toBe(200);
    const podUID = old.pod.metadata.uid;
    await setAgentStatus(test.admin, old.agent, {
      attempt: 2,
      podName: "old-coder-2",
      podUID: "another",
      history: [{ attempt: 1, podUID, reason: "AttemptFailed" }],
    });
    const late = await connectThrough(gateway, registryHost(), `Bearer ${token}`);
    expect([late.status, late.head]).toEqual([403, expect.stringContaining("stale_attempt")]);
    const stranger = await createPod(test.admin, namespace, "stranger");
    const strangers = await tokenFor(test.admin, { namespace }, "enchanted-collector", stranger);
    const unknown = await connectThrough(gateway, registryHost(), `Bearer ${strangers}`);
    expect([unknown.status, unknown.head]).toEqual([403, expect.stringContaining("unknown_pod")]);
  });

  it("gives the fetch container's token nothing: that reaches the repository only", async () => {
    const token = await tokenFor(test.admin, { namespace }, "enchanted-fetch", pod);
    const refused = await connectThrough(gateway, registryHost(), `Bearer ${token}`);
    expect([refused.status, refused.head]).toEqual([403, expect.stringContaining("target_not_allowed")]);
    const open = await connectThrough(gateway, `localhost:${forgePort}`, `Bearer ${token}`);
    expect(open.status).toBe(200);
    open.socket.destroy();
  });

  it("does not lead to a loopback address by an allowed name, unless the gateway's settings open them", async () => {
    const apart = await freshNamespace(test.admin);
    const strict = await startTestGateway(test, apart, registry, { allowLoopback: false });
    const token = await tokenFor(test.admin, { namespace }, "enchanted-collector", pod);
    const refused = await connectThrough(strict, registryHost(), `Bearer ${token}`);
    expect([refused.status, refused.head]).toEqual([403, expect.stringContaining("is a loopback address")]);
    refused.socket.destroy();
    await strict.stop();
  });
});

describe("tunnels", () => {
  const seen = new Set<Socket>();
  let serve: (socket: TLSSocket) => void;
  let server: Server;
  let target = "";
  let ca = "";

  beforeAll(async () => {
    const identity = await serverIdentity(test.dir, "target", ["DNS:localhost"]);
    ca = identity.caPem;
    server = createTlsServer(identity, (socket) => {
      socket.on("error", () => undefined);
      serve(socket);
    }).on("connection", (socket) => {
      seen.add(socket);
      socket.once("close", () => seen.delete(socket));
      socket.on("error", () => undefined);
    });
    target = `localhost:${await listening(server)}`;
    await changeAgent("fix-coder", { egress: { allowHosts: [registryHost(), target] } });
  });
  afterAll(() => void server.close());

  /** A program's TLS through a tunnel. */
  const secured = async (): Promise<TLSSocket> => secureWithin((await ask(target)).socket, "localhost", ca);

  const allGone = (): Promise<void> => until("the far side has no connection", () => seen.size === 0);

  it("end at the far side when the program hangs up or dies", async () => {
    serve = (socket) => void socket.resume();
    (await secured()).destroy();
    const ending = await secured();
    ending.resume();
    ending.end();
    await allGone();
    const unsaid = await ask(target);
    await until("it arrived", () => seen.size === 1);
    unsaid.socket.destroy();
    await allGone();
  });

  it("bring a slow reader everything that a far side sent before it hung up", async () => {
    const sent = 16 * 1024 * 1024;
    serve = (socket) => socket.end(Buffer.alloc(sent, "x"));
    let got = 0;
    for await (const chunk of await secured()) {
      got += (chunk as Buffer).length;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(got).toBe(sent);
    await allGone();
  });

  it("end for the program when the far side breaks", async () => {
    serve = (socket) => socket.once("data", () => seen.forEach((one) => one.resetAndDestroy()));
    const broken = await secured();
    broken.write("x");
    await once(broken, "close");
    await allGone();
  });

  it.each([
    ["HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ["the lines of another protocol", "FLUSHALL\r\n"],
  ])("carry no %s, to an allowed host neither", async (_, words) => {
    const plain = await ask(target);
    plain.socket.write(words);
    const told = await restOf(plain);
    expect(told).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(told).toContain("not_tls");
    expect(told).toContain("tunnels carry TLS and nothing else");
    expect(await gateway.counted()).toMatch(/enchanted_gateway_tunnels_total\{end="not_tls"\} [1-9]/);
    await allGone();
  });

  it("carry TLS for their own host only: a client that names another hears the alert for that", async () => {
    serve = (socket) => void socket.resume();
    const { socket } = await ask(target);
    await expect(secureWithin(socket, "evil.example", ca)).rejects.toMatchObject({
      code: "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
    });
    await until("it is counted", async () =>
      /enchanted_gateway_tunnels_total\{end="wrong_name"\} 1/.test(await gateway.counted()),
    );
    await allGone();
  });

  it("carry nothing to a server that speaks no TLS", async () => {
    const got: Buffer[] = [];
    const plain = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => void got.push(bytes));
      socket.write("* OK ready\r\n");
    });
    const host = `localhost:${await listening(plain)}`;
    await changeAgent("fix-coder", { egress: { allowHosts: [registryHost(), target, host] } });
    const { socket } = await ask(host);
    await expect(secureWithin(socket, "localhost", ca)).rejects.toMatchObject({
      code: expect.stringMatching(/HANDSHAKE_FAILURE/),
    });
    await new Promise((resolve) => void plain.close(resolve));
    // A ClientHello at most.
    expect(Buffer.concat(got).subarray(0, 1)).toEqual(got.length === 0 ? Buffer.alloc(0) : Buffer.of(22));
  });

  it("are 32 at a time, and one that ends makes room", async () => {
    serve = (socket) => void socket.resume();
    const open = await Promise.all(Array.from({ length: 32 }, () => ask(target)));
    expect(open.map(({ status }) => status)).toEqual(Array.from({ length: 32 }, () => 200));
    expect(await refusalOf(target)).toMatchObject({ status: 429, type: "too_many_tunnels", retryAfter: "1" });
    const token = await tokenFor(test.admin, { namespace }, "enchanted-collector", pod);
    const past = await connectThrough(gateway, target, `Bearer ${token}`);
    expect([past.status, past.head]).toEqual([429, expect.stringContaining("at most 32 tunnels")]);
    open.pop()?.socket.destroy();
    await until("there is room", async () => {
      const next = await ask(target);
      next.socket.destroy();
      return next.status === 200;
    });
    for (const { socket } of open) socket.destroy();
    await allGone();
  });

  it("end with the scribe, which drains all the same", async () => {
    serve = (socket) => void socket.resume();
    const own = await scribeFor(pod, "ending", { ENCHANTED_AGENT_UID: "33333333-3333-4333-8333-333333333333" });
    const open = await ask(target, Number(own.volumes.env["ENCHANTED_PROXY_PORT"]));
    expect(open.status).toBe(200);
    expect(await stopScribe(own.scribe)).toBe(0);
    await allGone();
  });

  it("are refused with 503 while the gateway is away", async () => {
    const away = { ENCHANTED_GATEWAY: "127.0.0.1:9", ENCHANTED_AGENT_UID: "44444444-4444-4444-8444-444444444444" };
    const own = await scribeFor(pod, "away", away);
    const refusal = await refusalOf(target, Number(own.volumes.env["ENCHANTED_PROXY_PORT"]));
    expect(refusal).toMatchObject({ status: 503, type: "gateway_unavailable", retryAfter: "2" });
    expect(await stopScribe(own.scribe)).toBe(0);
  });
});
