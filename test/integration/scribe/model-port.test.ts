import { afterAll, describe, expect, it, jest } from "@jest/globals";
import { readFile } from "node:fs/promises";
import { request, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { sceneForFile } from "./scene.ts";
import { until } from "./stage.ts";

jest.setTimeout(60_000);

let gateway: Server;
let answer: (incoming: IncomingMessage, response: ServerResponse) => void;

const scene = sceneForFile(async ({ tls }) => {
  const identity = { cert: await readFile(tls.certFile), key: await readFile(tls.keyFile) };
  gateway = createServer(identity, (incoming, response) => answer(incoming, response));
  await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  return { ENCHANTED_GATEWAY: `127.0.0.1:${(gateway.address() as AddressInfo).port}` };
});
afterAll(() => {
  gateway.closeAllConnections();
  gateway.close();
});

describe("the model port", () => {
  const url = (path: string): string => `http://127.0.0.1:${scene.pod.env["ENCHANTED_MODEL_PORT"]}${path}`;

  it("replaces whatever credential the agent sends by the pod's token and streams the answer as it comes", async () => {
    let seen: IncomingMessage | undefined;
    let body = "";
    let finish: () => void = () => undefined;
    answer = (incoming, response) => {
      seen = incoming;
      incoming.on("data", (chunk: Buffer) => (body += chunk.toString()));
      incoming.on("end", () => {
        response.writeHead(200, { "content-type": "text/event-stream", "x-kept": "yes" });
        response.write("data: first\n\n");
        finish = () => response.end("data: last\n\n");
      });
    };
    const response = await fetch(url("/openai/v1/chat/completions?x=1"), {
      method: "POST",
      headers: {
        authorization: "Bearer stolen",
        "x-api-key": "sk-1",
        "api-key": "k",
        "content-type": "application/json",
      },
      body: '{"model":"m"}',
    });
    expect(response.headers.get("x-kept")).toBe("yes");
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("data: first\n\n"); // before the gateway has ended
    finish();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("data: last\n\n");
    expect(body).toBe('{"model":"m"}');
    expect(seen?.url).toBe("/openai/v1/chat/completions?x=1");
    expect(seen?.headers.authorization).toBe("Bearer pod-token");
    expect(seen?.headers).not.toHaveProperty("x-api-key");
    expect(seen?.headers).not.toHaveProperty("api-key");
  });

  it("asks on a connection that the gateway cannot be closing just then", async () => {
    const served = new Set<unknown>();
    let isResumed = false;
    answer = (incoming, response) => {
      isResumed = (incoming.socket as TLSSocket).isSessionReused();
      if (served.has(incoming.socket)) return void incoming.socket.destroy();
      served.add(incoming.socket);
      incoming.resume();
      response.end("{}");
    };
    const ask = async () => {
      const response = await fetch(url("/openai/v1/chat/completions"), { method: "POST", body: "{}" });
      return [response.status, await response.text()];
    };
    // More at once than there may be connections: one that is free at last is not for the call that waits either.
    for (const answered of await Promise.all(Array.from({ length: 100 }, ask))) expect(answered).toEqual([200, "{}"]);
    expect(await ask()).toEqual([200, "{}"]);
    expect(isResumed).toBe(true);
  });

  it("passes the gateway's refusals on as they are", async () => {
    answer = (_incoming, response) => {
      response.writeHead(429, { "retry-after": "7", "content-type": "application/json" });
      response.end('{"error":{"type":"budget_exhausted","message":"no budget is left"}}');
    };
    const response = await fetch(url("/anthropic/v1/messages"), { method: "POST", body: "{}" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(await response.json()).toMatchObject({ error: { type: "budget_exhausted" } });
  });

  it("refuses a WebSocket by the status at which a client asks over HTTP at once, and asks the gateway nothing", async () => {
    answer = (_incoming, response) => void response.writeHead(500).end();
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
    const refused = Promise.withResolvers<IncomingMessage>();
    request(url("/openai/v1/responses"), { headers }).on("response", refused.resolve).on("error", refused.reject).end();
    expect((await refused.promise).statusCode).toBe(426);
  });

  it.each(["/", "/v1/models", "/internal/v1/check", "/openai/v1/%2e%2e/%2e%2e/internal/v1/check"])(
    "serves nothing at %s",
    async (path) => {
      answer = () => {
        throw new Error("this must not reach the gateway");
      };
      expect((await fetch(url(path))).status).toBe(404);
    },
  );

  it("hangs up on the gateway when the agent hangs up", async () => {
    let isCut = false;
    answer = (incoming, response) => {
      response.writeHead(200);
      response.write("x");
      incoming.socket.once("close", () => (isCut = true));
    };
    const abort = new AbortController();
    await fetch(url("/openai/v1/x"), { signal: abort.signal });
    abort.abort();
    await until("the gateway sees the end", () => isCut);
  });

  it("cuts the answer when the gateway dies in the middle of it: half an answer never looks whole", async () => {
    answer = (_incoming, response) => {
      response.writeHead(200);
      response.write("half", () => response.socket?.destroy());
    };
    const response = await fetch(url("/openai/v1/x"));
    await expect(response.text()).rejects.toThrow(/terminated|aborted|closed/);
  });

  it("answers 502 when the gateway breaks off before it answers, and 503 when it is away", async () => {
    answer = (incoming) => void incoming.socket.destroy();
    const broken = await fetch(url("/openai/v1/x"));
    expect(broken.status).toBe(502);
    expect(await broken.json()).toMatchObject({ error: { type: "gateway_failed" } });
    gateway.closeAllConnections();
    await new Promise((resolve) => gateway.close(resolve));
    const away = await fetch(url("/openai/v1/x"));
    expect([away.status, away.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(await away.json()).toMatchObject({ error: { type: "gateway_unavailable" } });
  });
});
