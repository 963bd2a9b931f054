import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { LOOPBACK } from "#nervous-system/comms/socket/listen.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createSoon } from "../record/soon.ts";
import { openRecordedModelPort, type LocalModelPort } from "./model-port.ts";

type Carried = { eventId: string; responseId?: string | undefined; trace?: object | undefined };

const traceId = "ab".repeat(16);
const spanId = "cd".repeat(8);
const secret = "5e".repeat(16);
const traceparent = `00-${traceId}-${spanId}-01`;

let home: string;
let upstream: Server;
let respond: RequestListener;
let base: string;
let port: LocalModelPort;
let heard: number;
let known: PromiseWithResolvers<void>;
const carried: Carried[] = [];
const told: Array<{ frame: object; how: object }> = [];
const openPort = (more: Record<string, string> = {}): Promise<LocalModelPort> => {
  const soon = createSoon(systemClock(), 60_000);
  return openRecordedModelPort({
    host: {
      env: { HOME: home, OPENAI_BASE_URL: base, ...more },
      cwd: home,
      clock: systemClock(),
      ids: { next: () => "the-call" },
    },
    record: {
      calls: {
        carried: (call) => {
          carried.push(call);
          known.resolve();
        },
        link: (event) => event,
      },
      soon: (work) =>
        soon.add(() =>
          work(async (frame, how) => {
            told.push({ frame, how });
            return { ok: true, seq: told.length, eventId: "the-call" };
          }),
        ),
      settle: async () => soon.settle(),
    },
    trace: { traceId: "12".repeat(16), spanId: "34".repeat(8) },
    program: ["x"],
    at: { host: LOOPBACK, port: 0 },
    secret,
    onHeard: () => void (heard += 1),
  });
};

beforeEach(async () => {
  carried.length = 0;
  heard = 0;
  told.length = 0;
  known = Promise.withResolvers();
  home = await mkdtemp(join(tmpdir(), "enchanted-port-"));
  const upstreamTakes = { maxHeaderSize: 1 << 20 };
  upstream = createServer(upstreamTakes, (asked, answer) => respond(asked, answer)).listen(0, "127.0.0.1");
  await once(upstream, "listening");
  base = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`;
  port = await openPort();
});
afterEach(async () => {
  await port.close(0);
  upstream.closeAllConnections();
  upstream.close();
  await rm(home, { recursive: true, force: true });
});

const ask = async (method: string, path: string, body: string, more: object = {}): Promise<string> => {
  const url = `${port.variables["OPENAI_BASE_URL"]}${path}`;
  const asking = request(url, { method, headers: { traceparent, ...more }, agent: false }).end(body);
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  return text(answer);
};

describe("a call of a model", () => {
  it("is known by its span as soon as it has been asked, before there is an answer", async () => {
    respond = (asked, answer) => {
      asked.resume();
      const json = { "content-type": "application/json" };
      void known.promise.then(() => answer.writeHead(200, json).end('{"id":"r"}'));
    };
    expect(await ask("POST", "/chat/completions", '{"model":"m"}')).toBe('{"id":"r"}');
    await port.close(0);
    const call = { eventId: "the-call", trace: { traceId, spanId } };
    expect(carried).toEqual([call, { ...call, responseId: "r" }]);
    expect(told).toMatchObject([
      { frame: { event_id: "the-call", event_type: "MODEL_CALL" }, how: { trace: { traceId, spanId } } },
    ]);
  });

  it("passes with headers of 200 kB, and its answer too", async () => {
    const large = "x".repeat(200_000);
    respond = (asked, answer) => {
      asked.resume();
      answer.writeHead(200, { "x-large": asked.headers["x-large"] }).end("{}");
    };
    const url = `${port.variables["OPENAI_BASE_URL"]}/chat/completions`;
    const options = { method: "POST", headers: { "x-large": large }, agent: false, maxHeaderSize: 1 << 20 };
    const [answer] = (await once(request(url, options).end('{"model":"m"}'), "response")) as [IncomingMessage];
    expect([answer.statusCode, answer.headers["x-large"]?.length]).toEqual([200, large.length]);
    await text(answer);
    await port.close(0);
    expect(told).toMatchObject([{ frame: { event_type: "MODEL_CALL", payload: { status: 200 } } }]);
  });

  it.each([
    ["without the secret", (base: URL) => ({ path: base.pathname.replace(`/${secret}`, "") }), 404],
    ["from a web page", () => ({ headers: { origin: "http://evil", "content-type": "text/plain" } }), 403],
    [
      "from a web page that asks for a WebSocket",
      () => ({ method: "GET", headers: { origin: "http://evil", connection: "Upgrade", upgrade: "websocket" } }),
      403,
    ],
    ["by a name of another site", () => ({ headers: { host: "evil" } }), 403],
    ["for another path of the provider", (base: URL) => ({ path: `${base.pathname}/../../admin/keys` }), 400],
  ])("is passed on nowhere, unheard, %s", async (_, how: (base: URL) => object, status) => {
    const base = new URL(`${port.variables["OPENAI_BASE_URL"]}`);
    const { hostname, port: number, pathname } = base;
    const options = { host: hostname, port: number, path: `${pathname}/x`, method: "POST", agent: false, ...how(base) };
    const [answer] = (await once(request(options).end(), "response")) as [IncomingMessage];
    await text(answer);
    expect([answer.statusCode, heard]).toEqual([status, 0]);
  });

  it("is cut where the provider closes a connection that it kept just as the call comes, so that the program asks again", async () => {
    const served = new Set<unknown>();
    respond = (asked, answer) => {
      if (served.has(asked.socket)) return void asked.socket.destroy();
      served.add(asked.socket);
      asked.resume();
      answer.end("{}");
    };
    const asking = (model: string): Promise<string> => ask("POST", "/chat/completions", `{"model":"${model}"}`);
    expect(await asking("one")).toBe("{}");
    await expect(asking("two")).rejects.toThrow("socket hang up");
    expect(await asking("two")).toBe("{}");
    await port.close(0);
    const call = (model: string, status: number) => ({ frame: { payload: { model, status } } });
    expect(told).toMatchObject([call("one", 200), call("two", 0), call("two", 200)]);
  });

  it("is cut where the provider cuts a new connection before it answers, as the program would see it", async () => {
    respond = (asked) => void asked.socket.destroy();
    await expect(ask("POST", "/chat/completions", '{"model":"m"}')).rejects.toThrow("socket hang up");
    await port.close(0);
    expect(told).toMatchObject([{ frame: { payload: { model: "m", status: 0 } } }]);
  });

  it.each(["127.0.0.0/8", "0.0.1,127.0.0.1/32", "other.test 127.0.0.1"])(
    "goes past a proxy where some programs would, by the NO_PROXY %s",
    async (list) => {
      await port.close(0);
      port = await openPort({ HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: list });
      respond = (_, answer) => answer.end("{}");
      expect(await ask("POST", "/chat/completions", '{"model":"m"}')).toBe("{}");
    },
  );

  it.each([
    ["asks for a list", "GET", "/models", "", {}],
    ["names no model", "POST", "/files", "{}", {}],
    ["counts tokens", "POST", "/responses/input_tokens", '{"model":"m"}', {}],
    ["asks for a WebSocket", "GET", "/responses", "", { connection: "Upgrade", upgrade: "websocket" }],
  ])("is none, and nothing that a span could observe, where a request %s", async (_, method, path, body, more) => {
    respond = (_asked, answer) => answer.writeHead(426).end("answered");
    expect(await ask(method, path, body, more)).toBe("answered");
    await port.close(0);
    expect([carried, told]).toEqual([[], []]);
  });
});
