import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { ClientRequest, IncomingMessage } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createInformer } from "#nervous-system/kubernetes/informer.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { agents, missions, models } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createBodyThread } from "#pipeline/gateway/bodies/body-thread.ts";
import { createBodyWorks } from "#pipeline/gateway/bodies/body-works.ts";
import { createClusterView, gatewayClusterAccess, gatewayTenantAccess } from "#pipeline/gateway/cluster-view.ts";
import { createGatewayMetrics } from "#pipeline/gateway/measure.ts";
import { createLookups } from "#pipeline/gateway/lookups.ts";
import { startGatewayServer } from "#pipeline/gateway/server.ts";
import { createTokenReviews } from "#pipeline/identity/token-reviews.ts";
import { clientWithAccess } from "#test/integration/gateway/swarm-plane.ts";
import { serverIdentity, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";
import type { TestPlane } from "#test/integration/kubernetes/control-plane.ts";

/** Frames and blobs as the gateway gave them away; `hold` keeps the record from answering. */
type Kept = {
  readonly frames: ComponentEvent[];
  readonly blobs: Map<string, Buffer>;
  hold: Promise<void> | undefined;
};

const createRecord = () => {
  const kept: Kept = { frames: [], blobs: new Map(), hold: undefined };
  const frames = {
    healthy: () => true,
    write: async (frame: ComponentEvent) => {
      await kept.hold;
      kept.frames.push(frame);
      return "id";
    },
  };
  const blobs = {
    put: (namespace: string, bytes: Uint8Array) => {
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      kept.blobs.set(`${namespace}/${digest}`, Buffer.from(bytes));
      return Promise.resolve(digest);
    },
  };
  return { kept, frames, blobs };
};

/** Program of the thread that reads large bodies. */
export const bodyProgram = new URL("../../../pipeline/gateway/bodies/main.ts", import.meta.url);

/** A gateway under exactly its own rights. */
export type TestGateway = {
  readonly port: number;
  readonly caPem: string;
  readonly kept: Kept;
  /** What the gateway counts, as it is scraped. */
  counted(): Promise<string>;
  stop(): Promise<void>;
};

const followed = async (client: KubeClient, signal: AbortSignal) => {
  const shared = { client, clock: systemClock(), random: () => 0.5, log: silentLog };
  const caches = {
    agents: createInformer({ ...shared, kind: agents }),
    missions: createInformer({ ...shared, kind: missions }),
    models: createInformer({ ...shared, kind: models }),
  };
  const informers = Object.values(caches);
  for (const informer of informers) void informer.run(signal).catch(() => undefined);
  await Promise.all(informers.map((informer) => informer.synced(signal)));
  return caches;
};

/** Starts a gateway on a free loopback port; the operator is `system:serviceaccount:<namespace>:enchanted-operator`. */
export const startTestGateway = async (
  test: TestPlane,
  namespace: string,
  upstream: TestUpstream,
  limits: {
    readonly idleMs?: number;
    readonly answerWithinMs?: number;
    readonly allowLoopback?: boolean;
    /** Of a body and of an answer. */
    readonly maxBodyBytes?: number;
    readonly roomBytes?: number;
    /** Time of bodies, answers and tunnels. */
    readonly clock?: Clock;
  } = {},
): Promise<TestGateway> => {
  const clock = systemClock();
  const registry = createRegistry();
  const user = `system:serviceaccount:${namespace}:enchanted-gateway`;
  const access = { cluster: gatewayClusterAccess, tenant: gatewayTenantAccess, namespace };
  const { client, close } = await clientWithAccess(test, user, access);
  const following = new AbortController();
  const caches = await followed(client, following.signal);
  const { kept, frames, blobs } = createRecord();
  const tls = await serverIdentity(join(test.dir, "pki"), "gateway", ["DNS:enchanted-gateway", "IP:127.0.0.1"]);
  const thread = createBodyThread({ program: bodyProgram, withinMs: 20_000, clock });
  const server = await startGatewayServer({
    bodies: createBodyWorks(thread),
    view: createClusterView(client, caches),
    reviews: createTokenReviews({ client, clock }),
    operator: `system:serviceaccount:${namespace}:enchanted-operator`,
    frames,
    blobs,
    clock: limits.clock ?? clock,
    log: silentLog,
    metrics: createGatewayMetrics(registry),
    tls,
    listen: { host: "127.0.0.1", port: 0 },
    addresses: { allowPrivate: true, allowLoopback: limits.allowLoopback ?? true },
    lookups: createLookups({ threads: 4, clock }),
    ca: [await readFile(upstream.caFile, "utf8")],
    answerWithinMs: limits.answerWithinMs ?? 10_000,
    idleMs: limits.idleMs ?? 10_000,
    maxBodyBytes: limits.maxBodyBytes ?? 1024 * 1024,
    maxAnswerBytes: limits.maxBodyBytes ?? 1024 * 1024,
    callLimits: {
      callsPerAgent: 4,
      bytesPerCall: 64 * 1024,
      bytes: limits.roomBytes ?? 16 * 1024 * 1024,
      bytesApart: 0,
    },
    limits: { connectMs: 2_000, idleMs: 10_000, totalMs: 60_000 },
  });
  const caPem = await readFile(tls.caFile, "utf8");
  const stop = async (): Promise<void> => {
    await server.close(2_000);
    await thread.close();
    following.abort();
    close();
  };
  return { port: server.port, caPem, kept, counted: () => registry.metrics(), stop };
};

/** An answer of the gateway. */
export type Answer = { readonly status: number; readonly headers: IncomingMessage["headers"]; readonly body: string };

/** Opens a request whose body the caller writes; without a length it is sent in chunks. */
export const open = (
  gateway: Pick<TestGateway, "port" | "caPem">,
  path: string,
  token: string | undefined,
  length?: number,
  headers: Readonly<Record<string, string>> = {},
): { readonly sent: ClientRequest; readonly answer: Promise<IncomingMessage> } => {
  const sent = request({
    host: "127.0.0.1",
    port: gateway.port,
    servername: "enchanted-gateway",
    ca: gateway.caPem,
    method: "POST",
    path,
    agent: false,
    headers: {
      "content-type": "application/json",
      ...(length === undefined ? {} : { "content-length": length }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      ...headers,
    },
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once("response", resolve);
    sent.on("error", reject);
  });
  return { sent, answer };
};

/** Begins a request; the answer's chunks are left to the caller. */
export const begin = (
  gateway: Pick<TestGateway, "port" | "caPem">,
  path: string,
  token: string | undefined,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): { readonly answer: Promise<IncomingMessage>; readonly abort: () => void } => {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const { sent, answer } = open(gateway, path, token, bytes.length, headers);
  sent.end(bytes);
  return { answer, abort: () => sent.destroy() };
};

/** Sends a request and reads the whole answer; rejects where the answer breaks off. */
export const post = async (
  gateway: Pick<TestGateway, "port" | "caPem">,
  path: string,
  token: string | undefined,
  body: unknown,
): Promise<Answer> => {
  const response = await begin(gateway, path, token, body).answer;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
};

/** Asks for a tunnel; answers the socket behind the proxy's answer, and that answer. */
export const connectThrough = async (
  gateway: TestGateway,
  authority: string,
  authorization: string | undefined,
): Promise<{ readonly status: number; readonly head: string; readonly socket: TLSSocket }> => {
  const socket = connectTls({
    host: "127.0.0.1",
    port: gateway.port,
    servername: "enchanted-gateway",
    ca: gateway.caPem,
  });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const proxy = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${proxy}\r\n`);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const chunk = await new Promise<Buffer>((resolve, reject) => socket.once("data", resolve).once("error", reject));
    head += chunk.toString();
  }
  return { status: Number(head.split(" ")[1]), head, socket };
};

/** TLS to a host within a tunnel; rejects with the alert of whoever refuses it. */
export const secureWithin = async (tunnel: Duplex, servername: string, ca: string): Promise<TLSSocket> => {
  const socket = connectTls({ socket: tunnel, servername, ca });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  socket.on("error", () => undefined);
  return socket;
};
