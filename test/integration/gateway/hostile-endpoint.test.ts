import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { checkModel } from "#pipeline/gateway/check-model.ts";
import { createLookups } from "#pipeline/gateway/lookups.ts";
import { granted } from "#pipeline/gateway/refusal.ts";
import { relayAnswer, type Relayed } from "#pipeline/gateway/relay.ts";
import { askUpstream, type UpstreamAnswer } from "#pipeline/gateway/upstream.ts";
import { startRawEndpoint, writeForEver, type RawEndpoint } from "#test/integration/gateway/raw-endpoint.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";

const clock = systemClock();
let endpoint: RawEndpoint | undefined;

afterEach(async () => {
  await endpoint?.stop();
  endpoint = undefined;
});

const ask = async (answer: (socket: Socket) => void, headers: Record<string, string> = {}): Promise<UpstreamAnswer> => {
  endpoint = await startRawEndpoint(answer);
  const { url } = endpoint;
  return askUpstream({
    url,
    target: { addresses: [{ address: "127.0.0.1", family: 4 }], host: url.hostname, port: Number(url.port) },
    method: "GET",
    headers,
    answerWithinMs: 60_000,
    signal: new AbortController().signal,
    clock,
  });
};

const relayed = async (answer: UpstreamAnswer): Promise<{ told: number; relay: Relayed }> => {
  if (answer.kind === "failed") throw new Error(answer.message);
  const { promise, resolve, reject } = Promise.withResolvers<Relayed>();
  const server = createServer((_, client) => {
    const signal = new AbortController().signal;
    const take = () => granted(undefined);
    const limits = {
      dropsUsageEvent: false,
      apiKey: undefined,
      idleMs: 60_000,
      maxBytes: 1024 * 1024,
      take,
      signal,
      clock,
    };
    const relay = relayAnswer({ ...limits, upstream: answer.response, client });
    relay.finally(() => client.end()).then(resolve, reject);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    const got = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return { told: got.status, relay: await promise };
  } finally {
    server.close();
    server.closeAllConnections();
  }
};

describe("an endpoint that does not behave", () => {
  it("fails the call when it answers with a protocol that nobody asked for", async () => {
    const upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n";
    expect(await ask((socket) => socket.write(upgrade))).toMatchObject({ kind: "failed", why: "unreachable" });
  });

  it("fails the call when a header cannot be sent to it, and does not tell the header", async () => {
    const answer = await ask(() => undefined, { authorization: "Bearer sk-first\nsk-second" });
    expect(answer).toMatchObject({ kind: "failed", why: "unreachable" });
    expect(JSON.stringify(answer)).not.toContain("sk-");
  });

  it.each([["000"], ["099"]])("is relayed as a bad gateway where its status is %s", async (status) => {
    const answer = await ask((socket) => socket.write(`HTTP/1.1 ${status} x\r\nContent-Length: 2\r\n\r\n{}`));
    const { told, relay } = await relayed(answer);
    expect(told).toBe(502);
    expect(relay.answer.toString()).toBe("{}");
  });

  it.each([
    ["200 OK", true],
    ["302 Found", false],
  ])("is not read on after its answer %s to a probe", async (status, ok) => {
    endpoint = await startRawEndpoint((socket) => {
      socket.write(`HTTP/1.1 ${status}\r\nTransfer-Encoding: chunked\r\n\r\n`);
      writeForEver(socket, Buffer.from(`400\r\n${"x".repeat(1024)}\r\n`));
    });
    const model: Model = {
      apiVersion: "swarm.enchanted.dev/v1alpha1",
      kind: "Model",
      metadata: {
        name: "m",
        namespace: "n",
        uid: "u",
        resourceVersion: "1",
        creationTimestamp: "2026-01-01T00:00:00Z",
      },
      spec: { provider: "OpenAICompatible", endpoint: `${endpoint.url.origin}/v1`, model: "m", allow: [] },
    };
    const view = { model: () => model, secret: () => Promise.resolve(undefined) };
    const addresses = { allowPrivate: true, allowLoopback: true };
    const lookups = createLookups({ threads: 4, clock });
    const result = await checkModel({ view, addresses, lookups, ca: undefined, clock }, { namespace: "n", name: "m" });
    expect(result.ok).toBe(ok);
    const { open } = endpoint;
    await eventually("the connection is closed", () => open() === 0);
  });
});
